// A text with the annotations of some layers.

// More marks than these appear at once, without a transition.
const MOVING_MARKS = 300;

class TextView {
  // `say` tells what was chosen, and where it stands.
  constructor(say) {
    this.say = say;
    this.arcs = [];
    this.svg = drawing("svg", { class: "arcs", "aria-hidden": "true", focusable: "false" });
    this.sentences = element("div", { class: "sentences", role: "group", "aria-label": "text with annotations; arrow keys go from one to the next" });
    this.node = element("div", { class: "text" }, this.sentences, this.svg);
    this.listen();
    // Also tells the first size. The drawing has no part in the size of the text.
    new ResizeObserver(() => this.size !== sizeOf(this.node) && this.draw()).observe(this.node);
  }

  // `output` is one of the predictor's, `layers` are {name, title, singular, plural, drawing, draws, look}.
  render(output, layers, isNew) {
    this.output = output;
    const slice = slicer(output.text, output.token_offsets);
    this.collect(output, layers, slice);
    let first = 0;
    const nodes = output.sentences.flatMap((tokens, number) => {
      const paragraph = element("p", { dir: "auto" });
      // An empty line before it in the text.
      if (/\n\s*\n/.test(slice.gap(first))) paragraph.className = "begins";
      const nodes = nested([...this.boxes[number].values(), ...this.arguments[number]]);
      const depth = Math.max(0, ...nodes.map((node) => node.depth));
      paragraph.style.setProperty("--depth", depth);
      appendTokens(paragraph, nodes, first, first + tokens.length - 1, slice);
      paragraph.prepend(...this.badges[number]);
      first += tokens.length;
      const arcs = this.arcsOf[number];
      for (const arc of arcs) {
        arc.from = this.anchors.get(keyOf(arc.row.arg1));
        arc.to = this.anchors.get(keyOf(arc.row.arg2));
        Object.assign(arc, { paragraph, depth });
      }
      const listed = arcs.filter((arc) => !arc.stays);
      return listed.length ? [paragraph, relationList(listed)] : [paragraph];
    });
    this.sentences.replaceChildren(...nodes);
    this.marks = [...this.sentences.querySelectorAll("mark")];
    if (this.marks.length) this.marks[0].tabIndex = 0;
    this.node.classList.toggle("fresh", Boolean(isNew) && this.marks.length <= MOVING_MARKS);
    this.draw();
  }

  draw() {
    if (!this.node.isConnected || !this.output) return;
    const measured = layOutArcs(this.arcs, this.node, this.output.sentences.length);
    this.size = sizeOf(this.node);
    this.drawn = new Set(measured.map(({ arc }) => arc.id));
    this.svg.replaceChildren(...measured.map(drawArc));
  }

  // All that the layers have of each sentence.
  collect(output, layers, slice) {
    this.slice = slice;
    this.sentenceOf = output.sentences.flatMap((tokens, number) => tokens.map(() => number));
    this.ends = [];
    for (const tokens of output.sentences) this.ends.push((this.ends[this.ends.length - 1] ?? -1) + tokens.length);
    this.boxes = output.sentences.map(() => new Map());
    this.arguments = output.sentences.map(() => []);
    this.arcsOf = output.sentences.map(() => []);
    this.badges = output.sentences.map(() => []);
    this.anchors = new Map();
    layers.forEach((layer, order) => layer.draws.add(this, layer, order, output[layer.name]));
    this.arcs = this.arcsOf.flat();
  }

  // The stretches of each sentence that tokens reach into; what crosses a sentence's end is marked in each.
  *stretches({ start, end }) {
    const first = this.slice.firstOf(start);
    for (let number = this.sentenceOf[first], from = first; from <= end; number++) {
      const to = Math.min(end, this.ends[number]);
      yield { number, start: from, end: to, cut: to < end };
      from = to + 1;
    }
  }

  addBox(row, part) {
    for (const { number, start, end, cut } of this.stretches(row)) {
      let key = `${start} ${end} ${cut}`;
      const isTaken = (box) => part.cluster !== undefined && box?.parts.some((other) => other.cluster !== undefined);
      while (isTaken(this.boxes[number].get(key))) key += " again";
      const box = this.boxes[number].get(key);
      if (box) {
        box.parts.push(part);
        continue;
      }
      const parts = [part];
      this.boxes[number].set(key, { start, end, order: part.order, boxed: true, cut, parts, make: (isEnd) => boxMark(parts, isEnd) });
    }
  }

  // A label of whole sentences stands before the first of them; of other stretches it is a mark.
  addLabel(layer, order, row) {
    const mentions = mentionsOf(row);
    if (!mentions.length) this.badges[0]?.push(badgeOf(layer, row));
    for (const mention of mentions) {
      const { start, end } = mention;
      const isWhole = this.sentenceOf[start - 1] !== this.sentenceOf[start] && this.sentenceOf[end + 1] !== this.sentenceOf[end];
      if (isWhole) this.badges[this.sentenceOf[start]].push(badgeOf(layer, row, mention));
      else this.addBox(mention, { ...spanPart(layer, order, row, "outlined"), row: { ...row, ...mention } });
    }
  }

  // An arc and its ends. One between sentences stands in the table alone. An arc that `stays` is drawn however many there
  // are.
  addRelation(layer, row, number, stays = false) {
    const sentence = this.sentenceOf[row.arg1.start];
    if (sentence !== this.sentenceOf[row.arg2.start]) return;
    for (const mention of [row.arg1, row.arg2]) {
      const key = keyOf(mention);
      if (this.anchors.has(key)) continue;
      this.anchors.set(key, null);
      const make = () => {
        const anchor = element("span", { class: "argument" }, element("span", { class: "rise" }));
        if (!this.anchors.get(key)) this.anchors.set(key, anchor);
        return anchor;
      };
      for (const stretch of this.stretches(mention)) this.arguments[stretch.number].push({ ...stretch, order: -1, boxed: false, make });
    }
    this.arcsOf[sentence].push({ id: `${layer.name} ${number}`, label: row.label, row, stays });
  }

  listen() {
    const { sentences } = this;
    const chosen = (event) => {
      const relation = event.target.closest("li[data-relation]");
      if (relation) this.chooseArc(relation.dataset.relation, relation);
      else this.choose(event.target.closest("mark, .badge"));
    };
    sentences.addEventListener("pointerover", chosen);
    sentences.addEventListener("focusin", chosen);
    sentences.addEventListener("pointerleave", () => this.choose(null));
    sentences.addEventListener("focusout", () => this.choose(null));
    sentences.addEventListener("keydown", (event) => this.step(event));
    this.svg.addEventListener("pointerover", (event) => {
      const arc = event.target.closest(".arc");
      if (arc) this.chooseArc(arc.dataset.relation, arc);
    });
    this.svg.addEventListener("pointerout", () => this.choose(null));
  }

  step(event) {
    if (event.key === "Escape") return this.choose(null);
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

  // Whether there is a mark of these very tokens, which then has the focus.
  goTo(bounds) {
    const found = this.marks.find(({ row }) => same(row, bounds)) || this.badges.flat().find(({ row }) => same(row, bounds));
    if (found?.tagName === "MARK") this.focus(found);
    else found?.focus();
    return Boolean(found);
  }

  choose(mark) {
    this.unlight();
    if (!mark) return this.say();
    if (!mark.parts) return this.say([mark.title], mark);
    // The chain may have marked the same tokens in a mark of its own, or others around them.
    const mention = mark.closest("mark[data-cluster]") || this.marks.find((other) => other.dataset.cluster && same(other.row, mark.row));
    if (mention)
      for (const other of this.marks) if (other.dataset.cluster === mention.dataset.cluster) other.classList.add("lit");
    mark.classList.add("lit");
    const touching = this.arcs.filter(({ row }) => mark.parts.some((part) => same(part.row, row.arg1) || same(part.row, row.arg2)));
    this.light(touching);
    const layers = this.marks.filter((other) => same(other.row, mark.row) && other.labels).flatMap((other) => other.parts);
    const lines = [...(layers.length ? layers : mark.parts).map(describePart), ...touching.map(({ row }) => relationInWords(row))];
    this.say([oneLine(mark.row.text), ...lines], mark);
  }

  chooseArc(id, near) {
    this.unlight();
    const arc = this.arcs.find((other) => other.id === id);
    if (!arc) return;
    this.light([arc]);
    arc.from.classList.add("lit");
    arc.to.classList.add("lit");
    this.say([relationInWords(arc.row), meaningOf(arc.label)].filter(Boolean), near);
  }

  unlight() {
    for (const lit of this.node.querySelectorAll(".lit")) lit.classList.remove("lit");
    for (const arc of this.svg.querySelectorAll(".passing")) arc.remove();
  }

  // Arcs that are there for as long as somebody looks at them lie above the text.
  light(arcs) {
    const passing = measureAll(arcs.filter((arc) => !this.drawn.has(arc.id)), this.node).map(drawArc);
    for (const group of passing) group.classList.add("passing");
    this.svg.append(...passing);
    const ids = new Set(arcs.map((arc) => arc.id));
    for (const group of this.node.querySelectorAll("[data-relation]")) if (ids.has(group.dataset.relation)) group.classList.add("lit");
  }
}

const sizeOf = (node) => `${node.clientWidth} ${node.clientHeight}`;

const keyOf = ({ start, end }) => `${start} ${end}`;

const same = (one, other) => one.start === other.start && one.end === other.end;

const relationInWords = (row) =>
  [`${oneLine(row.arg1.text)} ${nameOfLabel(row.label)} ${oneLine(row.arg2.text)}`, percent(row.score)].filter(Boolean).join(" · ");
