// Relations as arcs above the text, in one drawing.

const ARC = { rise: 15, clearance: 9, radius: 5, head: 4 };

// The height of each arc: above all that it spans, below what spans it. An arc is at least as wide as its label.
function assignHeights(arcs) {
  const reserved = [];
  const width = (arc) => arc.last - arc.first;
  for (const arc of [...arcs].sort((a, b) => width(a) - width(b) || a.first - b.first)) {
    const missing = Math.max(0, Math.ceil((arc.label.length / 6 - width(arc)) / 2));
    const [first, last] = [arc.first - missing, arc.last + missing];
    let height = 1;
    while ((reserved[height] || []).some(([from, to]) => first < to && from < last)) height += 1;
    // Not below a shorter one inside, though that one may have risen.
    for (let higher = height + 1; higher < reserved.length; higher++)
      if (reserved[higher].some(([from, to]) => from >= first && to <= last)) height = higher + 1;
    (reserved[height] ||= []).push([first, last]);
    arc.height = height;
  }
  return arcs.reduce((highest, arc) => Math.max(highest, arc.height), 0);
}

// Where everything stands: all that the drawing has to read from the layout, read at once.
function measureArcs(arcs, container) {
  const origin = container.getBoundingClientRect();
  const paragraphs = new Map();
  const box = (paragraph) => {
    if (!paragraphs.has(paragraph)) {
      const rect = paragraph.getBoundingClientRect();
      const style = getComputedStyle(paragraph);
      paragraphs.set(paragraph, {
        left: rect.left - origin.left + parseFloat(style.paddingLeft),
        right: rect.right - origin.left - parseFloat(style.paddingRight),
        line: parseFloat(style.lineHeight),
        rightToLeft: style.direction === "rtl",
      });
    }
    return paragraphs.get(paragraph);
  };
  const place = (anchor) => {
    const rect = anchor.getClientRects()[0];
    let outermost = anchor;
    for (let up = anchor; up.tagName !== "P"; up = up.parentElement) outermost = up;
    const middle = (rect.left + rect.right) / 2;
    const around = [...outermost.getClientRects()].find(
      (part) => part.top <= rect.bottom && part.bottom >= rect.top && part.left <= middle && part.right >= middle,
    );
    return { x: middle - origin.left, top: rect.top - origin.top, roof: (around || rect).top - origin.top - 1 };
  };
  return arcs.map((arc) => ({ arc, from: place(arc.from), to: place(arc.to), box: box(arc.paragraph) }));
}

function drawArcs(svg, measured) {
  svg.replaceChildren(...measured.map(drawArc));
}

function drawArc({ arc, from, to, box }) {
  const lines = Math.round((to.top - from.top) / box.line);
  const level = (line) => from.top + line * box.line - arc.depth * 3 - ARC.clearance - (arc.height - 1) * ARC.rise;
  const down = Math.sign(lines);
  const [start, finish] = box.rightToLeft ? [box.right, box.left] : [box.left, box.right];
  const forwards = lines > 0 || (lines === 0 && from.x < to.x) ? 1 : -1;
  const side = (box.rightToLeft && lines !== 0 ? -forwards : forwards) * 3;
  const [x1, x2] = [from.x + side, to.x - side];
  const segments = [];
  for (let line = 0; ; line += down) {
    segments.push({
      y: level(line),
      left: line === 0 ? x1 : down > 0 ? start : finish,
      right: line === lines ? x2 : down > 0 ? finish : start,
    });
    if (line === lines) break;
  }
  const last = segments[segments.length - 1];
  const path = segments.map((segment, number) => {
    const bend = Math.min(ARC.radius, Math.abs(segment.right - segment.left) / 2) * Math.sign(segment.right - segment.left);
    const rise = number === 0 ? `M${x1} ${from.roof}V${segment.y + ARC.radius}q0 ${-ARC.radius} ${bend} ${-ARC.radius}` : `M${segment.left} ${segment.y}`;
    const fall = segment === last ? `H${x2 - bend}q${bend} 0 ${bend} ${ARC.radius}V${to.roof - 2}` : `H${segment.right}`;
    return rise + fall;
  });
  const widest = segments.reduce((a, b) => (Math.abs(b.right - b.left) > Math.abs(a.right - a.left) ? b : a));
  const line = path.join("");
  const head = `M${x2} ${to.roof}l${-ARC.head} ${-ARC.head - 2}h${2 * ARC.head}z`;
  return drawing(
    "g",
    { class: "arc", "data-relation": arc.id, hue: hueOf(arc.label) },
    drawing("path", { class: "reach", d: line }),
    drawing("path", { class: "line", d: line }),
    drawing("path", { class: "head", d: head }),
    drawing("text", { x: (widest.left + widest.right) / 2, y: widest.y + 3.5 }, arc.label),
  );
}
