// Relations as arcs above the text, in one drawing.

// In pixels: from arc to arc, from the lowest to the text, what is left above the highest, a letter of a label.
const ARC = { rise: 15, clearance: 9, room: 10, radius: 5, head: 4, letter: 6.2, apart: 7 };

// All arcs of a sentence are drawn where they are few, and it is on few lines, as long as they make an article not much
// taller than it is; and where there is a tree among them. Of the other sentences a list tells them, and the arcs of a
// mention are drawn when it is chosen.
const FEW = { arcs: 4, lines: 2, share: 0.45, sentences: 3, width: 480 };

// In pixels: a row of the list of a sentence, and what is around it.
const LIST = { row: 20, around: 10, perRow: 3 };

// Gives each line the room that its own arcs need, and returns the arcs that are drawn, measured. All is read from the
// layout at once, twice: before there is room, and after.
function layOutArcs(arcs, container, numSentences) {
  const sentences = new Map();
  for (const arc of arcs) {
    if (!sentences.has(arc.paragraph)) sentences.set(arc.paragraph, []);
    sentences.get(arc.paragraph).push(arc);
  }
  for (const [paragraph] of sentences) {
    paragraph.classList.remove("listed");
    for (const rise of paragraph.querySelectorAll(".rise")) rise.style.removeProperty("--rise");
  }
  const isNarrow = container.clientWidth < FEW.width;
  // How much taller the text may still become: at first all have a list, which an arc's room takes the place of.
  const listOf = ({ length }) => LIST.around + LIST.row * Math.ceil(Math.min(length, LISTED + 1) / (isNarrow ? 1 : LIST.perRow));
  let left = numSentences > FEW.sentences ? FEW.share * container.clientHeight : Infinity;
  for (const own of sentences.values()) left -= listOf(own);
  const plans = [...sentences].map(([paragraph, own]) => {
    const box = boxOf(paragraph, container);
    const numLines = Math.round(box.height / box.line);
    const stays = own.some((arc) => arc.stays);
    if (!stays && (isNarrow || own.length > FEW.arcs || numLines > FEW.lines)) return { paragraph, listed: true };
    const measured = measureArcs(own, container, box);
    const heights = assignHeights(measured);
    const rises = new Map([...heights].map(([line, height]) => [line, height * ARC.rise + ARC.room]));
    const total = [...rises.values()].reduce((sum, rise) => sum + rise, 0);
    return { paragraph, measured, rises, cost: stays ? -Infinity : total - listOf(own) };
  });
  for (const plan of plans.filter(({ listed }) => !listed).sort((a, b) => a.cost - b.cost)) {
    plan.listed = plan.cost > left;
    if (!plan.listed && isFinite(plan.cost)) left -= plan.cost;
  }
  for (const { paragraph, listed, measured, rises } of plans) {
    paragraph.classList.toggle("listed", listed);
    if (listed) continue;
    for (const { arc, from, to } of measured) {
      arc.from.firstChild.style.setProperty("--rise", `${rises.get(from.line)}px`);
      arc.to.firstChild.style.setProperty("--rise", `${rises.get(to.line)}px`);
    }
  }
  const drawn = plans.filter(({ listed }) => !listed).flatMap(({ measured }) => measured.map(({ arc }) => arc));
  return measureAll(drawn, container);
}

// Arcs where their sentences have no room for them: those of one mention, above whatever stands there.
function measureAll(arcs, container) {
  const boxes = new Map();
  for (const { paragraph } of arcs) if (!boxes.has(paragraph)) boxes.set(paragraph, boxOf(paragraph, container));
  // Of each sentence by itself: its lines are counted from its own first one.
  return [...boxes].flatMap(([paragraph, box]) => {
    const measured = measureArcs(arcs.filter((arc) => arc.paragraph === paragraph), container, box);
    assignHeights(measured);
    return measured;
  });
}

function boxOf(paragraph, container) {
  const origin = container.getBoundingClientRect();
  const rect = paragraph.getBoundingClientRect();
  const style = getComputedStyle(paragraph);
  return {
    origin,
    left: rect.left - origin.left + parseFloat(style.paddingLeft),
    right: rect.right - origin.left - parseFloat(style.paddingRight),
    height: rect.height,
    line: parseFloat(style.lineHeight),
    rightToLeft: style.direction === "rtl",
  };
}

// Where the arcs of a sentence begin and end, and on which lines, counted from the first that has any.
function measureArcs(arcs, container, box) {
  const places = new Map();
  const place = (anchor) => {
    if (!places.has(anchor)) places.set(anchor, { ...placeOf(anchor, box.origin), ends: [] });
    return places.get(anchor);
  };
  const measured = arcs.map((arc) => {
    const [from, to] = [{ ...place(arc.from) }, { ...place(arc.to) }];
    place(arc.from).ends.push({ end: from, other: to });
    place(arc.to).ends.push({ end: to, other: from });
    return { arc, from, to, box };
  });
  // Several ends on one word stand beside one another, in the order of the words that they come from.
  for (const { ends, width } of places.values()) {
    ends.sort((a, b) => a.other.top - b.other.top || a.other.x - b.other.x);
    const apart = Math.min(ARC.apart, width / ends.length);
    ends.forEach(({ end }, number) => (end.shift = (number - (ends.length - 1) / 2) * apart));
  }
  for (const { from, to } of measured) for (const end of [from, to]) end.x += end.shift;
  const tops = [...new Set(measured.flatMap(({ from, to }) => [from.top, to.top]))].sort((a, b) => a - b);
  const lines = [];
  for (const top of tops) if (!lines.length || top - lines[lines.length - 1] > box.line / 2) lines.push(top);
  for (const { from, to } of measured)
    for (const end of [from, to]) end.line = lines.findLastIndex((top) => top <= end.top + box.line / 2);
  return measured;
}

function placeOf(anchor, origin) {
  const rect = [...anchor.getClientRects()].find((part) => part.width > 0) || anchor.getBoundingClientRect();
  let outermost = anchor;
  for (let up = anchor; up.tagName !== "P"; up = up.parentElement) outermost = up;
  const middle = (rect.left + rect.right) / 2;
  const around = [...outermost.getClientRects()].find(
    (part) => part.top <= rect.bottom && part.bottom >= rect.top && part.left <= middle && part.right >= middle,
  );
  return {
    x: middle - origin.left,
    top: rect.top - origin.top,
    width: rect.width,
    roof: Math.min((around || rect).top, rect.top) - origin.top - 1,
  };
}

// What an arc has of each line: from where to where it runs there.
function* partsOf({ from, to, box }) {
  if (from.line === to.line) return yield { line: from.line, start: from.x, end: to.x, top: from.top };
  const forwards = to.line > from.line;
  const [leave, arrive] = forwards !== box.rightToLeft ? [box.right, box.left] : [box.left, box.right];
  yield { line: from.line, start: from.x, end: leave, top: from.top };
  yield { line: to.line, start: arrive, end: to.x, top: to.top };
}

// The height of each arc on each of its lines: above all that it spans, below what spans it. An arc is at least as wide
// as its label. Returns the highest of each line.
function assignHeights(measured) {
  const parts = measured.flatMap((each) => {
    each.heights = new Map();
    return [...partsOf(each)].map((part) => {
      const [left, right] = [Math.min(part.start, part.end), Math.max(part.start, part.end)];
      const missing = Math.max(0, (nameOfLabel(each.arc.label).length * ARC.letter - (right - left)) / 2);
      return { each, line: part.line, width: right - left, left: left - missing, right: right + missing };
    });
  });
  const reserved = new Map();
  const highest = new Map();
  for (const { each, line, left, right } of parts.sort((a, b) => a.width - b.width || a.left - b.left)) {
    if (!reserved.has(line)) reserved.set(line, []);
    const rows = reserved.get(line);
    let height = 1;
    while ((rows[height] || []).some(([from, to]) => left < to && from < right)) height += 1;
    // Not below a shorter one inside, though that one may have risen.
    for (let higher = height + 1; higher < rows.length; higher++)
      if ((rows[higher] || []).some(([from, to]) => from >= left && to <= right)) height = higher + 1;
    (rows[height] ||= []).push([left, right]);
    each.heights.set(line, height);
    highest.set(line, Math.max(highest.get(line) || 0, height));
  }
  return highest;
}

function drawArc(each) {
  const { arc, from, to, heights } = each;
  const parts = [...partsOf(each)].map((part) => ({
    ...part,
    y: part.top - arc.depth * 3 - ARC.clearance - (heights.get(part.line) - 1) * ARC.rise,
  }));
  const last = parts[parts.length - 1];
  const path = parts.map((part) => {
    const bend = Math.min(ARC.radius, Math.abs(part.end - part.start) / 2) * Math.sign(part.end - part.start);
    const rise =
      part === parts[0] ? `M${from.x} ${from.roof}V${part.y + ARC.radius}q0 ${-ARC.radius} ${bend} ${-ARC.radius}` : `M${part.start} ${part.y}`;
    const fall = part === last ? `H${to.x - bend}q${bend} 0 ${bend} ${ARC.radius}V${to.roof - 2}` : `H${part.end}`;
    return rise + fall;
  });
  const widest = parts.reduce((a, b) => (Math.abs(b.end - b.start) > Math.abs(a.end - a.start) ? b : a));
  const line = path.join("");
  const head = `M${to.x} ${to.roof}l${-ARC.head} ${-ARC.head - 2}h${2 * ARC.head}z`;
  return drawing(
    "g",
    { class: "arc", "data-relation": arc.id, hue: hueOf(arc.label) },
    drawing("path", { class: "reach", d: line }),
    drawing("path", { class: "line", d: line }),
    drawing("path", { class: "head", d: head }),
    drawing("text", { x: (widest.start + widest.end) / 2, y: widest.y + 3.5 }, nameOfLabel(arc.label)),
  );
}

// The arcs of a sentence in words, for where they are not drawn; the first of them, and the others on request.
const LISTED = 4;

function relationList(arcs) {
  const items = arcs.map((arc, number) =>
    element(
      "li",
      { "data-relation": arc.id, hidden: number >= LISTED },
      element("bdi", {}, oneLine(arc.row.arg1.text)),
      element("span", { class: "dash", "aria-hidden": "true" }, " – "),
      tagOf(arc.label),
      element("span", { class: "dash", "aria-hidden": "true" }, " → "),
      element("bdi", {}, oneLine(arc.row.arg2.text)),
    ),
  );
  const list = element("ul", { class: "found" }, ...items);
  if (arcs.length > LISTED) {
    const more = element("button", { type: "button", class: "mention-link" }, `${arcs.length - LISTED} more`);
    more.addEventListener("click", () => {
      for (const item of items) item.hidden = false;
      more.parentElement.remove();
    });
    list.append(element("li", {}, more));
  }
  return list;
}
