// The annotations of a text in words: what the marks and the arcs show.

const OPEN_ROWS = 12;

function tableOf(layer, rows, goTo) {
  const details = element("details", { class: "annotations" });
  const count = counted(rows.length, layer.singular, layer.plural);
  details.append(element("summary", {}, layer.title, element("span", { class: "count" }, ` ${count}`)));
  // Long ones are made when somebody opens them.
  const fillIn = () => details.childElementCount === 1 && details.append(layer.draws.table(layer, rows, goTo));
  details.addEventListener("toggle", fillIn);
  if (layer.drawing !== "spans" && rows.length && rows.length <= OPEN_ROWS) {
    details.open = true;
    fillIn();
  }
  return details;
}

function table(caption, heads, rows) {
  const head = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell))));
  return element(
    "div",
    { class: "wide" },
    element("table", {}, element("caption", { class: "hidden" }, caption), element("thead", {}, head), element("tbody", {}, ...body)),
  );
}

const withScores = (rows) => rows.some((row) => row.score !== undefined);

function mentionButton(mention, goTo) {
  const button = element("button", { type: "button", class: "mention-link", dir: "auto" }, oneLine(mention.text));
  button.addEventListener("click", () => goTo(mention.start, mention.end));
  return button;
}

const oneLine = (text) => text.split(/\s+/).join(" ");

function labelOf(row) {
  return element("span", { class: "tag", hue: hueOf(row.label) }, row.label);
}

function spanTable(layer, rows, goTo) {
  const scores = withScores(rows);
  const cells = rows.map((row) => [mentionButton(row, goTo), labelOf(row), ...(scores ? [percent(row.score)] : [])]);
  return table(layer.title, ["Text", "Type", ...(scores ? ["Probability"] : [])], cells);
}

function relationTable(layer, rows, goTo) {
  const scores = withScores(rows);
  const cells = rows.map((row) => [
    mentionButton(row.arg1, goTo),
    labelOf(row),
    mentionButton(row.arg2, goTo),
    ...(scores ? [percent(row.score)] : []),
  ]);
  return table(layer.title, ["From", "Relation", "To", ...(scores ? ["Probability"] : [])], cells);
}

function clusterList(layer, rows, goTo) {
  const items = rows.map((cluster, number) => {
    const chip = element("span", { class: "chip", hue: hueOfCluster(number) }, String(number + 1));
    const mentions = cluster.map((mention) => mentionButton(mention, goTo));
    return element("li", {}, chip, ...mentions.flatMap((button, place) => (place ? [", ", button] : [button])));
  });
  return element("ol", { class: "cluster-list" }, ...items);
}

// Whatever a row is about: all mentions that it names, and its label.
function labelTable(layer, rows, goTo) {
  const scores = withScores(rows);
  const cells = rows.map((row) => [
    element("span", {}, ...mentionsOf(row).flatMap((mention, place) => [...(place ? [", "] : []), mentionButton(mention, goTo)])),
    row.label === undefined ? "" : labelOf({ label: String(row.label) }),
    ...(scores ? [percent(row.score)] : []),
  ]);
  return table(layer.title, ["Text", "Label", ...(scores ? ["Probability"] : [])], cells);
}

const isMention = (value) => typeof value?.start === "number" && typeof value?.end === "number";

// The stretches of text in a row of any kind: itself, or its values.
const mentionsOf = (row) => (isMention(row) ? [row] : Object.values(row).filter(isMention));
