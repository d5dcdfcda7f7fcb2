// Building the document. Strings become text nodes, never markup.

const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

const drawing = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "hue") node.style.setProperty("--hue", value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const counted = (number, singular, plural) => `${number.toLocaleString("en")} ${number === 1 ? singular : plural}`;

const percent = (score) => (score === undefined ? "" : `${Math.round(score * 100)} %`);
