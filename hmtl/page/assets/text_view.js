// One text with its annotations.

// More marks than these appear at once, without a transition.
const MOVING_MARKS = 300;

class TextView {
  // `output` is one of the predictor's, `layers` are {name, title, singular, plural, drawing, draws, look}, `say`
  // announces what was chosen.
  constructor(output, layers, say) {
    this.output = output;
    this.layers = layers;
    this.say = say;
    this.arcs = [];
    this.svg = drawing("svg", { class: "arcs", "aria-hidden": "true", focusable: "false" });
    this.sentences = element("div", { class: "sentences", role: "group", "aria-label": "text with annotations; arrow keys go from one to the next" });
    this.text = element("div", { class: "text" }, this.sentences, this.svg);
    this.tables = element("div", { class: "tables" });
    this.node = element("article", {}, this.text, this.tables);
    this.listen();
    // Also tells the first size. The drawing has no part in the size of the text.
    new ResizeObserver(() => this.draw()).observe(this.text);
  }

  render(hidden, isNew) {
    const { output } = this;
    const visible = this.layers.filter((layer) => !hidden.has(layer.name));
    const slice = slicer(output.text, output.token_offsets);
    const marks = this.marksBySentence(visible);
    let first = 0;
    const paragraphs = output.sentences.map((tokens, number) => {
      const paragraph = element("p", { dir: "auto" });
      const nodes = nested(marks[number]);
      const depth = Math.max(0, ...nodes.map((node) => node.depth));
      const arcs = this.arcs.filter((arc) => arc.sentence === number);
      const height = assignHeights(arcs);
      for (const arc of arcs) Object.assign(arc, { paragraph, depth });
      paragraph.style.setProperty("--depth", depth);
      paragraph.style.setProperty("--arcs", height);
      appendTokens(paragraph, nodes, first, first + tokens.length - 1, slice);
      first += tokens.length;
      return paragraph;
    });
    for (const arc of this.arcs) {
      arc.from = this.anchors.get(`${arc.row.arg1.start} ${arc.row.arg1.end}`);
      arc.to = this.anchors.get(`${arc.row.arg2.start} ${arc.row.arg2.end}`);
    }
    paragraphs.forEach((paragraph, number) => paragraph.prepend(...this.badges[number]));
    this.sentences.replaceChildren(...paragraphs);
    this.marks = [...this.sentences.querySelectorAll("mark")];
    if (this.marks.length) this.marks[0].tabIndex = 0;
    this.text.classList.toggle("fresh", Boolean(isNew) && this.marks.length <= MOVING_MARKS);
    this.tables.replaceChildren(
      ...visible.map((layer) => tableOf(layer, output[layer.name], (start, end) => this.goTo(start, end))),
    );
    this.draw();
  }

  draw() {
    // Reads the layout once, then writes.
    if (this.node.isConnected) drawArcs(this.svg, measureArcs(this.arcs, this.text));
  }

  marksBySentence(visible) {
    const bySentence = this.output.sentences.map(() => []);
    const sentenceOf = this.output.sentences.flatMap((tokens, number) => tokens.map(() => number));
    this.anchors = new Map();
    this.arcs = [];
    this.badges = this.output.sentences.map(() => []);
    for (const layer of visible) {
      const order = this.layers.indexOf(layer);
      const add = (row, boxed, make) => {
        // What crosses a sentence's end is marked in each.
        for (let number = sentenceOf[row.start], start = row.start; start <= row.end; number++) {
          const end = Math.min(row.end, sentenceOf.lastIndexOf(number));
          bySentence[number].push({ start, end, order, boxed, cut: end < row.end, make });
          start = end + 1;
        }
      };
      layer.draws.add(this, layer, order, this.output[layer.name], sentenceOf, add);
    }
    return bySentence;
  }

  // A label of whole sentences stands before the first of them; of other stretches it is a mark.
  addLabel(layer, order, row, sentenceOf, add) {
    const mentions = mentionsOf(row);
    if (!mentions.length) this.badges[0]?.push(badgeOf(layer, row));
    for (const mention of mentions) {
      const { start, end } = mention;
      const isWhole = sentenceOf[start - 1] !== sentenceOf[start] && sentenceOf[end + 1] !== sentenceOf[end];
      if (isWhole) this.badges[sentenceOf[start]].push(badgeOf(layer, row, mention));
      else add(mention, true, (isEnd) => spanMark({ ...layer, look: "outlined" }, order, { ...row, ...mention, label: nameOf(layer, row) }, isEnd));
    }
  }

  // An arc and its ends. One between sentences stands in the table alone.
  addRelation(layer, row, number, sentenceOf, add) {
    const sentence = sentenceOf[row.arg1.start];
    if (sentence !== sentenceOf[row.arg2.start]) return;
    for (const { start, end } of [row.arg1, row.arg2]) {
      const key = `${start} ${end}`;
      if (this.anchors.has(key)) continue;
      this.anchors.set(key, null);
      add({ start, end }, false, () => {
        const anchor = element("span", { class: "argument" });
        if (!this.anchors.get(key)) this.anchors.set(key, anchor);
        return anchor;
      });
    }
    const [first, last] = [row.arg1.start, row.arg2.start].sort((a, b) => a - b);
    this.arcs.push({ id: `${layer.name} ${number}`, label: row.label, row, sentence, first, last });
  }

  listen() {
    const { sentences } = this;
    const chosen = (event) => this.choose(event.target.closest("mark"));
    sentences.addEventListener("pointerover", chosen);
    sentences.addEventListener("focusin", chosen);
    sentences.addEventListener("pointerleave", () => this.choose(null));
    sentences.addEventListener("focusout", () => this.choose(null));
    sentences.addEventListener("keydown", (event) => this.step(event));
    this.svg.addEventListener("pointerover", (event) => {
      const arc = event.target.closest(".arc");
      if (arc) this.chooseArc(arc.dataset.relation);
    });
    this.svg.addEventListener("pointerout", () => this.choose(null));
  }

  step(event) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const place = this.marks.indexOf(document.activeElement) + step;
    this.focus(this.marks[Math.min(Math.max(place, 0), this.marks.length - 1)]);
  }

  focus(mark) {
    if (!mark) return;
    for (const other of this.marks) if (other.tabIndex === 0) other.tabIndex = -1;
    mark.tabIndex = 0;
    mark.focus();
  }

  goTo(start, end) {
    const isThere = ({ row }) => row.start === start && row.end === end;
    const found = this.marks.find(isThere);
    const badge = found ? undefined : this.badges.flat().find(isThere);
    if (found) this.focus(found);
    else if (badge) badge.focus();
    else this.say("Not marked in the text: its layer is hidden.");
  }

  choose(mark) {
    for (const lit of this.text.querySelectorAll(".lit")) lit.classList.remove("lit");
    if (!mark) return this.say("");
    const { start, end } = mark.row;
    const same = (row) => row.start === start && row.end === end;
    // Several layers may have marked the same tokens.
    const mention = mark.closest("mark[data-cluster]") || this.marks.find((other) => other.dataset.cluster && same(other.row));
    if (mention)
      for (const other of this.marks) if (other.dataset.cluster === mention.dataset.cluster) other.classList.add("lit");
    mark.classList.add("lit");
    const touching = this.arcs.filter(({ row }) => same(row.arg1) || same(row.arg2));
    this.light(touching);
    const relations = touching.map(({ row }) => `${oneLine(row.arg1.text)} ${row.label} ${oneLine(row.arg2.text)}`);
    this.say([oneLine(mark.row.text), ...this.namesOf(mark.row), ...relations].join(" · "));
  }

  chooseArc(id) {
    const arc = this.arcs.find((other) => other.id === id);
    if (!arc) return;
    this.light([arc]);
    arc.from.classList.add("lit");
    arc.to.classList.add("lit");
    const { row } = arc;
    this.say([`${oneLine(row.arg1.text)} ${row.label} ${oneLine(row.arg2.text)}`, percent(row.score)].filter(Boolean).join(" · "));
  }

  light(arcs) {
    const ids = new Set(arcs.map((arc) => arc.id));
    for (const group of this.svg.children) if (ids.has(group.dataset.relation)) group.classList.add("lit");
  }

  // What all visible layers say of these very tokens.
  namesOf({ start, end }) {
    return this.marks
      .filter((mark) => mark.row.start === start && mark.row.end === end && mark.label)
      .map((mark) => [mark.description, percent(mark.row.score)].filter(Boolean).join(" "));
  }
}

function spanMark(layer, order, row, isEnd) {
  const uncertain = row.score !== undefined && row.score < 0.5;
  const mark = element("mark", {
    class: `${layer.look} level-${order % 6}${uncertain ? " uncertain" : ""}`,
    tabindex: -1,
    hue: hueOf(row.label),
  });
  mark.row = row;
  mark.description = `${layer.title.toLowerCase()}: ${row.label}`;
  if (isEnd) mark.label = element("span", { class: "label" }, row.label);
  return mark;
}

function mentionMark(layer, order, row, number, isEnd) {
  const mark = element("mark", {
    class: `mention level-${order % 6}`,
    tabindex: -1,
    "data-cluster": `${layer.name} ${number}`,
    hue: hueOfCluster(number),
  });
  mark.row = row;
  mark.description = `${layer.title.toLowerCase()}: cluster ${number + 1}`;
  if (isEnd) mark.label = element("span", { class: "label chip" }, String(number + 1));
  return mark;
}

const nameOf = (layer, row) => (row.label === undefined ? layer.title : String(row.label));

// The label of what is too long to be marked.
function badgeOf(layer, row, mention = {}) {
  const name = nameOf(layer, row);
  const title = [`${layer.title.toLowerCase()}: ${name}`, percent(row.score)].filter(Boolean).join(" ");
  const badge = element("span", { class: "label badge", tabindex: -1, title, hue: hueOf(name) }, name);
  badge.row = mention;
  return badge;
}

// What draws the rows of a kind: `add` puts them into the text of a view, `table` lists them. A kind names its own; the
// last takes rows of any form.
const DRAWINGS = {
  spans: {
    add(view, layer, order, rows, sentenceOf, add) {
      for (const row of rows) add(row, true, (isEnd) => spanMark(layer, order, row, isEnd));
    },
    table: spanTable,
  },
  relations: {
    add(view, layer, order, rows, sentenceOf, add) {
      rows.forEach((row, number) => view.addRelation(layer, row, number, sentenceOf, add));
    },
    table: relationTable,
  },
  clusters: {
    add(view, layer, order, rows, sentenceOf, add) {
      rows.forEach((cluster, number) => {
        for (const row of cluster) add(row, true, (isEnd) => mentionMark(layer, order, row, number, isEnd));
      });
    },
    table: clusterList,
  },
  labels: {
    add(view, layer, order, rows, sentenceOf, add) {
      for (const row of rows) view.addLabel(layer, order, row, sentenceOf, add);
    },
    table: labelTable,
  },
};
