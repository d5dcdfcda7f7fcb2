// Who and what a text is about, and how they are related: a node for each cluster or mention, an edge for each relation.

const GRAPH = { most: 40, letter: 7.4, height: 30, rounds: 300, gap: 26, margin: 12 };

// {nodes: [{name, mention, size, hue}], edges: [{from, to, labels, row}], left}: nodes by number, of those that are too
// many only the best connected.
function graphOf(output, layers) {
  const nodes = [];
  const byBounds = new Map();
  const byText = new Map();
  const spans = layers.filter((layer) => layer.drawing === "spans").flatMap((layer) => output[layer.name]);
  const labelOf = (mention) => spans.find((span) => same(span, mention))?.label;
  const add = (mentions, hue) => {
    const mention = nameAmong(mentions, spans);
    const label = labelOf(mention);
    const node = { number: nodes.length, name: oneLine(mention.text), mention, size: mentions.length, label, hue: label === undefined ? hue : hueOf(label), degree: 0 };
    nodes.push(node);
    for (const each of mentions) byBounds.set(keyOf(each), node);
    if (label !== undefined) byText.set(node.name, node);
    return node;
  };
  for (const layer of layers.filter((other) => other.drawing === "clusters"))
    output[layer.name].forEach((mentions, number) => mentions.length > 1 && add(mentions, hueOfCluster(number)));
  const nodeOf = (mention) => byBounds.get(keyOf(mention)) || byText.get(oneLine(mention.text)) || add([mention], 220);
  const edges = new Map();
  for (const layer of layers.filter((other) => other.drawing === "relations"))
    for (const row of output[layer.name]) {
      const [from, to] = [nodeOf(row.arg1), nodeOf(row.arg2)];
      if (from === to) continue;
      const key = `${from.number} ${to.number}`;
      if (!edges.has(key)) edges.set(key, { from, to, labels: [], rows: [] });
      const edge = edges.get(key);
      edge.rows.push(row);
      if (edge.labels.includes(row.label)) continue;
      edge.labels.push(row.label);
      from.degree += 1;
      to.degree += 1;
    }
  const best = [...nodes].sort((a, b) => b.degree - a.degree || b.size - a.size || a.number - b.number).slice(0, GRAPH.most);
  const kept = new Set(best);
  const shown = nodes.filter((node) => kept.has(node));
  return { nodes: shown, edges: [...edges.values()].filter(({ from, to }) => kept.has(from) && kept.has(to)), left: nodes.length - shown.length };
}

// What a cluster is called by: the longest of its mentions that is a name, or else the first of them. Pronouns are
// shorter than names.
function nameAmong(mentions, spans) {
  const head = mentions.find((mention) => mention.head);
  if (head) return head;
  const named = mentions.filter((mention) => spans.some((span) => same(span, mention)) && /\p{Lu}/u.test(mention.text));
  return named.reduce((best, mention) => (!best || (mention.text.length > best.text.length && mention.text.length < 40) ? mention : best), null) || mentions[0];
}

const widthOf = (node) => Math.min(shortened(node.name).length, 26) * GRAPH.letter + 24;

const shortened = (name) => (name.length > 26 ? `${name.slice(0, 25)}…` : name);

// Places the nodes, group by group of those that hang together, the groups in rows of at most this width. Nothing is left
// to chance: equal graphs are drawn equally. Returns the size of the whole.
function placeNodes({ nodes, edges }, width) {
  for (const node of nodes) node.width = widthOf(node);
  const groups = groupsOf(nodes, edges).map((group) => {
    placeGroup(group, edges.filter((edge) => group.includes(edge.from)), width);
    const side = (choose, of) => choose(...group.map(of));
    const left = side(Math.min, (node) => node.x - node.width / 2);
    const top = side(Math.min, (node) => node.y - GRAPH.height / 2);
    const size = {
      width: side(Math.max, (node) => node.x + node.width / 2) - left,
      height: side(Math.max, (node) => node.y + GRAPH.height / 2) - top,
    };
    return { group, left, top, ...size };
  });
  groups.sort((a, b) => b.group.length - a.group.length || b.height - a.height || a.group[0].number - b.group[0].number);
  const whole = { width: 0, height: 0 };
  let [x, y, tallest] = [0, 0, 0];
  for (const each of groups) {
    if (x && x + each.width > width) [x, y, tallest] = [0, y + tallest + GRAPH.gap, 0];
    for (const node of each.group) Object.assign(node, { x: node.x - each.left + x, y: node.y - each.top + y });
    tallest = Math.max(tallest, each.height);
    whole.width = Math.max(whole.width, x + each.width);
    whole.height = Math.max(whole.height, y + each.height);
    x += each.width + GRAPH.gap;
  }
  return whole;
}

function groupsOf(nodes, edges) {
  const groupOf = new Map(nodes.map((node) => [node, [node]]));
  for (const { from, to } of edges) {
    const [one, other] = [groupOf.get(from), groupOf.get(to)];
    if (one === other) continue;
    one.push(...other);
    for (const node of other) groupOf.set(node, one);
  }
  return [...new Set(groupOf.values())];
}

// Forces between nodes (Fruchterman and Reingold 1991), from a circle; where there is little room they lie below one
// another rather than side by side.
function placeGroup(nodes, edges, width) {
  const flat = width < 600 ? 0.35 : 1.5;
  const length = 110;
  nodes.forEach((node, number) => {
    const angle = (2 * Math.PI * number) / nodes.length + 0.3;
    Object.assign(node, { x: 100 * flat * Math.cos(angle), y: 80 * Math.sin(angle) });
  });
  for (let round = 0; round < GRAPH.rounds; round++) {
    for (const node of nodes) Object.assign(node, { dx: (-node.x * 0.03) / flat, dy: -node.y * 0.03 * flat });
    for (const one of nodes)
      for (const other of nodes) {
        if (one.number >= other.number) continue;
        const [x, y] = [one.x - other.x || 0.1, one.y - other.y || 0.1];
        const force = (length * length) / 2 / Math.max(x * x + y * y, 25);
        Object.assign(one, { dx: one.dx + x * force, dy: one.dy + y * force });
        Object.assign(other, { dx: other.dx - x * force, dy: other.dy - y * force });
      }
    for (const { from, to, labels } of edges) {
      const [x, y] = [from.x - to.x, from.y - to.y];
      const distance = Math.hypot(x, y) || 1;
      const across = Math.abs(x) / distance;
      const wanted = 64 + across * ((from.width + to.width) / 2 + longest(labels) * 5);
      const force = (distance - wanted) / distance / 2;
      Object.assign(from, { dx: from.dx - x * force, dy: from.dy - y * force });
      Object.assign(to, { dx: to.dx + x * force, dy: to.dy + y * force });
    }
    const most = 40 * (1 - round / GRAPH.rounds) + 0.5;
    for (const node of nodes) {
      const size = Math.hypot(node.dx, node.dy) || 1;
      node.x += (node.dx / size) * Math.min(size, most);
      node.y += (node.dy / size) * Math.min(size, most);
    }
  }
  // Names must not cover one another.
  for (let round = 0; round < 200 && pushApart(nodes); round++);
}

const longest = (labels) => Math.max(...labels.map((label) => nameOfLabel(label).length));

function pushApart(nodes) {
  let moved = false;
  for (const one of nodes)
    for (const other of nodes) {
      if (one.number >= other.number) continue;
      const overX = (one.width + other.width) / 2 + GRAPH.gap - Math.abs(one.x - other.x);
      const overY = GRAPH.height + GRAPH.gap - Math.abs(one.y - other.y);
      if (overX <= 0 || overY <= 0) continue;
      moved = true;
      const [axis, over] = overY < overX ? ["y", overY] : ["x", overX];
      const step = (one[axis] < other[axis] ? -1 : 1) * (over / 2 + 0.5);
      one[axis] += step;
      other[axis] -= step;
    }
  return moved;
}

// Where the line from the middle of a node's box to another point leaves the box.
function borderOf(node, { x, y }) {
  const [dx, dy] = [x - node.x, y - node.y];
  const share = Math.min((node.width / 2 + 3) / Math.max(Math.abs(dx), 0.1), (GRAPH.height / 2 + 3) / Math.max(Math.abs(dy), 0.1), 1);
  return { x: node.x + dx * share, y: node.y + dy * share };
}

function drawEdge(edge, edges) {
  const { from, to, labels } = edge;
  const returns = edges.some((other) => other.from === to && other.to === from);
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const size = Math.hypot(dx, dy) || 1;
  // Beside the one that goes the other way.
  const bend = returns ? 22 : 0;
  const middle = { x: (from.x + to.x) / 2 - (dy / size) * bend, y: (from.y + to.y) / 2 + (dx / size) * bend };
  const [start, end] = [borderOf(from, middle), borderOf(to, middle)];
  const angle = (Math.atan2(end.y - middle.y, end.x - middle.x) * 180) / Math.PI;
  const text = labels.map(nameOfLabel).join(", ");
  return drawing(
    "g",
    { class: "edge", "data-from": from.number, "data-to": to.number, hue: hueOf(labels[0]) },
    drawing("path", { class: "line", d: `M${start.x} ${start.y}Q${middle.x} ${middle.y} ${end.x} ${end.y}` }),
    drawing("path", { class: "head", d: "M0 0l-8 -4v8z", transform: `translate(${end.x} ${end.y}) rotate(${angle})` }),
    drawing("text", { x: (start.x + 2 * middle.x + end.x) / 4, y: (start.y + 2 * middle.y + end.y) / 4 + 3.5 }, text),
  );
}

function drawNode(node) {
  return drawing(
    "g",
    { class: "node", "data-node": node.number, hue: node.hue },
    drawing("title", {}, [node.name, node.label && nameOfLabel(node.label), counted(node.size, "mention", "mentions")].filter(Boolean).join(" · ")),
    drawing("rect", { x: node.x - node.width / 2, y: node.y - GRAPH.height / 2, width: node.width, height: GRAPH.height, rx: 15 }),
    drawing("text", { x: node.x, y: node.y + 5 }, shortened(node.name)),
  );
}

class GraphView {
  // `goTo` shows a mention in the text.
  constructor(goTo) {
    this.goTo = goTo;
    this.node = element("div", { class: "graph" });
  }

  render(output, layers) {
    const graph = graphOf(output, layers);
    const { nodes, edges, left } = graph;
    if (!nodes.length) {
      this.node.replaceChildren(element("p", { class: "hint" }, "No clusters or relations were found, of which a graph would be made."));
      return;
    }
    const size = placeNodes(graph, this.node.clientWidth - 2 * GRAPH.margin);
    const [width, height] = [size.width + 2 * GRAPH.margin, size.height + 2 * GRAPH.margin].map(Math.ceil);
    const svg = drawing(
      "svg",
      { viewBox: [-GRAPH.margin, -GRAPH.margin, width, height].join(" "), width, height, role: "img", "aria-label": `graph of ${counted(nodes.length, "thing", "things")} and ${counted(edges.length, "relation", "relations")}, which the list below has in words` },
      ...edges.map((edge) => drawEdge(edge, edges)),
      ...nodes.map(drawNode),
    );
    this.listen(svg, graph);
    const related = edges.flatMap(({ from, to, rows }) => rows.map((row) => this.itemOf(from, to, row)));
    this.node.replaceChildren(
      element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "graph" }, svg),
      element("ul", { class: "edges" }, ...related),
      left ? element("p", { class: "hint" }, `${counted(left, "thing", "things")} with fewer relations ${left === 1 ? "is" : "are"} left out.`) : "",
    );
  }

  itemOf(from, to, row) {
    return element("li", {}, mentionButton({ ...row.arg1, text: from.name }, this.goTo), " – ", tagOf(row.label), " → ", mentionButton({ ...row.arg2, text: to.name }, this.goTo), element("span", { class: "count" }, percent(row.score)));
  }

  listen(svg, { nodes }) {
    const light = (number) => {
      svg.classList.toggle("choosing", number !== undefined);
      const near = new Set([number]);
      for (const edge of svg.querySelectorAll(".edge")) {
        const isNear = [edge.dataset.from, edge.dataset.to].includes(number);
        edge.classList.toggle("lit", isNear);
        if (isNear) near.add(edge.dataset.from).add(edge.dataset.to);
      }
      for (const node of svg.querySelectorAll(".node")) node.classList.toggle("lit", near.has(node.dataset.node));
    };
    svg.addEventListener("pointerover", (event) => light(event.target.closest(".node")?.dataset.node));
    svg.addEventListener("pointerleave", () => light(undefined));
    svg.addEventListener("click", (event) => {
      const number = event.target.closest(".node")?.dataset.node;
      if (number !== undefined) this.goTo(nodes.find((node) => String(node.number) === number).mention);
    });
  }
}
