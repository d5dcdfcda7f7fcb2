// The hierarchy: the text once a level, from the lowest up, each with what the level reads.

// Each level stands above all that it reads: 1 for those that read the embeddings alone.
function depthsOf(layers) {
  const depths = new Map();
  const depthOf = (name) => {
    if (!depths.has(name)) {
      depths.set(name, 1); // of a name that is none of the layers
      const layer = layers.find((other) => other.name === name);
      depths.set(name, 1 + Math.max(0, ...(layer?.reads || []).map(depthOf)));
    }
    return depths.get(name);
  };
  layers.forEach(({ name }, number) => (layers.some((layer) => layer.reads) ? depthOf(name) : depths.set(name, number + 1)));
  return depths;
}

// The level's own text view, and around it its name, its score and what it reads. `linkTo` gives the address of a level.
class LevelPanel {
  constructor(layer, layers, linkTo, heading) {
    this.layer = layer;
    this.linkTo = linkTo;
    this.view = new TextView(say);
    const depths = depthsOf(layers);
    this.permalink = element("a", { class: "permalink", "aria-label": `link to ${layer.title}` }, "#");
    this.count = element("span", { class: "count" });
    const title = element(heading, {}, element("span", { class: "depth" }, `Level ${depths.get(layer.name)}`), " ", layer.title);
    this.node = element(
      "section",
      { class: "level", "data-level": layer.name, "aria-label": layer.title },
      element("div", { class: "level-head" }, title, this.count, this.permalink),
      layer.reads ? readsOf(layer, layers, depths) : "",
      this.view.node,
    );
  }

  render(output) {
    const rows = output[this.layer.name];
    const number = numberOf(rows);
    this.count.textContent = number ? counted(number, this.layer.singular, this.layer.plural) : `no ${this.layer.plural} found`;
    this.permalink.href = this.linkTo(this.layer.name);
    this.view.render(output, [this.layer]);
  }
}

function readsOf(layer, layers, depths) {
  const lower = layers.filter(({ name }) => layer.reads.includes(name));
  const names = lower.map(({ name, title }) => element("span", { class: "input" }, `level ${depths.get(name)}, ${title.toLowerCase()}`));
  const embeddings = element("span", { class: "input" }, lower.length ? "the words’ embeddings, by a short-cut" : "the words’ embeddings");
  return element("p", { class: "reads" }, "reads ", ...[...names, embeddings].flatMap((input, place) => (place ? [" + ", input] : [input])));
}
