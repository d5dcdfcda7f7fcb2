// What draws the rows of each kind of prediction in a text, and what lists them.

// A box around tokens: one for all layers that marked the very same ones. A part is {layer, order, row, name, look, hue},
// and of a mention also `cluster`.
function boxMark(parts, isEnd) {
  const spans = parts.filter((part) => part.cluster === undefined);
  const mention = parts.find((part) => part.cluster !== undefined);
  const looks = parts.map((part) => part.look);
  const isUncertain = spans.some(({ row }) => row.score !== undefined && row.score < 0.5);
  const edge = spans.find((part) => part.look !== "filled") || parts[0];
  const mark = element("mark", {
    class: [...new Set(looks), `level-${parts[0].order % 6}`, ...(isUncertain ? ["uncertain"] : [])].join(" "),
    tabindex: -1,
    "data-cluster": mention && `${mention.layer.name} ${mention.cluster}`,
    hue: (spans[0] || mention).hue,
  });
  if (edge.hue !== parts[0].hue) mark.style.setProperty("--edge-hue", edge.hue);
  if (mention) mark.style.setProperty("--chain-hue", mention.hue);
  mark.row = parts[0].row;
  mark.parts = parts;
  if (isEnd) mark.labels = labelsOf(spans, mention);
  return mark;
}

// Where labels say the same, one is enough.
function labelsOf(spans, mention) {
  const shown = spans.filter((part, place) => spans.findIndex((other) => agree(other.name, part.name)) === place);
  const labels = shown.map((part) => element("span", { class: "label", hue: part.hue }, nameOfLabel(part.name)));
  if (mention) labels.push(element("span", { class: "label chip", hue: mention.hue }, String(mention.cluster + 1)));
  return labels;
}

const nameOf = (layer, row) => String(row.label ?? row.value ?? layer.title);

const spanPart = (layer, order, row, look = layer.look) => {
  const name = nameOf(layer, row);
  return { layer, order, row, name, look, hue: hueOf(name) };
};

// What a part of a box says, in words.
function describePart({ layer, row, name, cluster }) {
  const what = cluster === undefined ? nameOfLabel(name) : `cluster ${cluster + 1}`;
  const said = [`${layer.title.toLowerCase()}: ${what}`, percent(row.score)].filter(Boolean).join(" ");
  return cluster === undefined && meaningOf(name) ? `${said}, ${meaningOf(name)}` : said;
}

// The label of what is too long to be marked.
function badgeOf(layer, row, mention = {}) {
  const name = nameOf(layer, row);
  const title = [`${layer.title.toLowerCase()}: ${nameOfLabel(name)}`, percent(row.score)].filter(Boolean).join(" ");
  const badge = element("span", { class: "label badge", tabindex: -1, title, hue: hueOf(name) }, nameOfLabel(name));
  badge.row = mention;
  return badge;
}

// A dependency as a relation from the head to the dependent.
const arcOfTree = (row) => ({ ...row, arg1: row.head, arg2: row.dependent });

// `add` puts rows into the text of a view, `table` lists them. A kind names its own; the last takes rows of any form.
const DRAWINGS = {
  spans: {
    add(view, layer, order, rows) {
      for (const row of rows) view.addBox(row, spanPart(layer, order, row));
    },
    table: spanTable,
  },
  relations: {
    add(view, layer, order, rows) {
      rows.forEach((row, number) => view.addRelation(layer, row, number));
    },
    table: relationTable,
  },
  // The arcs of a tree are all drawn; the root has a box.
  dependencies: {
    add(view, layer, order, rows) {
      rows.forEach((row, number) => {
        if (row.head) view.addRelation(layer, arcOfTree(row), number, true);
        else view.addLabel(layer, order, row);
      });
    },
    table: (layer, rows, goTo) => relationTable(layer, rows.filter(({ head }) => head).map(arcOfTree), goTo),
  },
  clusters: {
    add(view, layer, order, rows) {
      rows.forEach((mentions, cluster) => {
        for (const row of mentions) view.addBox(row, { layer, order, row, cluster, look: "mention", hue: hueOfCluster(cluster) });
      });
    },
    table: clusterList,
  },
  labels: {
    add(view, layer, order, rows) {
      for (const row of rows) view.addLabel(layer, order, row);
    },
    table: labelTable,
  },
};
