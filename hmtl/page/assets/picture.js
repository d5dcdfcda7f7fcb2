// What is shown as an SVG that needs nothing else: boxes, words and arcs where the browser has laid them out, with
// colours that every program knows.

const PICTURE = { margin: 16, scale: 2 };

// The colours of CSS as sRGB, and their opacity.
const inRgb = (() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const found = new Map();
  return (colour) => {
    if (!found.has(colour)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
      found.set(colour, { colour: `rgb(${red},${green},${blue})`, opacity: alpha / 255 });
    }
    return found.get(colour);
  };
})();

// {svg, width, height}: a node of the page as the text of an SVG.
function pictureOf(node) {
  const rect = node.getBoundingClientRect();
  const origin = { x: rect.left - PICTURE.margin, y: rect.top - PICTURE.margin };
  const [width, height] = [Math.ceil(rect.width + 2 * PICTURE.margin), Math.ceil(rect.height + 2 * PICTURE.margin)];
  const paper = inRgb(getComputedStyle(document.body).backgroundColor).colour;
  const font = getComputedStyle(document.body).fontFamily;
  const svg = drawing("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, "font-family": font });
  svg.append(drawing("rect", { width, height, fill: paper }));
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, {
    acceptNode: (child) => (isDrawn(child) ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT),
  });
  const drawings = [];
  while (walker.nextNode()) {
    const child = walker.currentNode;
    if (child instanceof SVGSVGElement) drawings.push(child);
    else if (child instanceof Text) svg.append(...wordsOf(child, origin));
    else if (child instanceof HTMLElement) svg.append(...boxesOf(child, origin));
  }
  for (const child of drawings) svg.append(copyOf(child, origin));
  return { svg: new XMLSerializer().serializeToString(svg), width, height };
}

function isDrawn(child) {
  if (child instanceof Text) return child.data.trim() !== "";
  return !child.closest("svg svg, svg *") && child.checkVisibility() && !child.matches(".permalink, .hidden, button");
}

function boxesOf(node, origin) {
  const style = getComputedStyle(node);
  const fill = inRgb(style.backgroundColor);
  const edge = style.boxShadow !== "none" && inRgb(style.boxShadow.match(/^(?:[a-z]+\([^)]*\)|#?\w+)/)[0]);
  const below = parseFloat(style.borderBottomWidth) > 0 && style.borderTopWidth === "0px" && inRgb(style.borderBottomColor);
  const around = parseFloat(style.borderTopWidth) > 0 && inRgb(style.borderTopColor);
  if (!fill.opacity && !edge && !below && !around) return [];
  const radius = Math.min(parseFloat(style.borderTopLeftRadius) || 0, 12);
  return [...node.getClientRects()].flatMap((rect) => {
    const [x, y] = [rect.left - origin.x, rect.top - origin.y];
    const parts = [];
    const stroke = edge || around;
    if (fill.opacity || stroke)
      parts.push(
        drawing("rect", {
          ...(stroke ? { x: x + 0.75, y: y + 0.75, width: Math.max(rect.width - 1.5, 0), height: Math.max(rect.height - 1.5, 0) } : { x, y, width: rect.width, height: rect.height }),
          rx: radius,
          fill: fill.opacity ? fill.colour : "none",
          "fill-opacity": fill.opacity && fill.opacity < 1 ? fill.opacity : false,
          stroke: stroke ? stroke.colour : false,
          "stroke-width": stroke ? 1.5 : false,
        }),
      );
    if (below) {
      const thick = parseFloat(style.borderBottomWidth);
      parts.push(drawing("rect", { x, y: y + rect.height - thick, width: rect.width, height: thick, fill: below.colour }));
    }
    return parts;
  });
}

// Each word where it stands, so that lines break as in the page.
function wordsOf(text, origin) {
  const style = getComputedStyle(text.parentElement);
  const range = document.createRange();
  const size = parseFloat(style.fontSize);
  return [...text.data.matchAll(/\S+/g)].flatMap(({ 0: word, index }) => {
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    const rect = range.getClientRects()[0];
    if (!rect || !rect.width) return [];
    // The baseline, as most fonts have it.
    const attributes = {
      x: rect.left - origin.x,
      y: rect.top - origin.y + rect.height / 2 + size * 0.34,
      fill: inRgb(style.color).colour,
      "font-size": size,
      "font-weight": style.fontWeight === "400" ? false : style.fontWeight,
      textLength: rect.width.toFixed(1),
      lengthAdjust: "spacingAndGlyphs",
    };
    return [drawing("text", attributes, word)];
  });
}

// A drawing of the page, with the style sheet's rules as attributes.
function copyOf(svg, origin) {
  const rect = svg.getBoundingClientRect();
  const copy = svg.cloneNode(true);
  const originals = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((node, number) => {
    const style = getComputedStyle(originals[number]);
    node.removeAttribute("class");
    node.removeAttribute("style");
    if (style.fill !== "none") node.setAttribute("fill", inRgb(style.fill).opacity ? inRgb(style.fill).colour : "none");
    else node.setAttribute("fill", "none");
    if (style.stroke !== "none" && inRgb(style.stroke).opacity) node.setAttribute("stroke", inRgb(style.stroke).colour);
    node.setAttribute("stroke-width", parseFloat(style.strokeWidth));
    if (node.tagName !== "text") return;
    for (const [name, value] of [["paint-order", style.paintOrder], ["font-size", parseFloat(style.fontSize)], ["font-weight", style.fontWeight], ["text-anchor", style.textAnchor]])
      node.setAttribute(name, value);
  });
  for (const [name, value] of [["x", rect.left - origin.x], ["y", rect.top - origin.y], ["width", rect.width], ["height", rect.height]]) copy.setAttribute(name, value);
  copy.removeAttribute("class");
  copy.setAttribute("overflow", "visible");
  return copy;
}

// The same as pixels.
async function pixelsOf({ svg, width, height }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  // Browsers have a limit.
  const scale = Math.min(PICTURE.scale, 16000 / Math.max(width, height));
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
