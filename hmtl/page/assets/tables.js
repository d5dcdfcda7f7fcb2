// The annotations of a text in words: what the marks and the arcs show.

const OPEN_ROWS = 12;

function tableOf(layer, rows, goTo) {
  const details = element("details", { class: "annotations" });
  const number = numberOf(rows);
  const count = counted(number, layer.singular, layer.plural);
  details.append(element("summary", {}, layer.title, element("span", { class: "count" }, ` ${count}`)));
  // Long ones are made when somebody opens them.
  const content = () => (number ? layer.draws.table(layer, rows, goTo) : element("p", { class: "hint" }, `No ${layer.plural} found.`));
  const fillIn = () => details.childElementCount === 1 && details.append(content());
  details.addEventListener("toggle", fillIn);
  if (layer.drawing !== "spans" && number && number <= OPEN_ROWS) {
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
  button.addEventListener("click", () => goTo(mention));
  return button;
}

// Rows may be clusters of which no mention is left.
const numberOf = (rows) => rows.filter((row) => !Array.isArray(row) || row.length).length;

const oneLine = (text) => text.split(/\s+/).join(" ");

function spanTable(layer, rows, goTo) {
  const scores = withScores(rows);
  const cells = rows.map((row) => [mentionButton(row, goTo), tagOf(row.label), ...(scores ? [percent(row.score)] : [])]);
  return table(layer.title, ["Text", "Type", ...(scores ? ["Probability"] : [])], cells);
}

function relationTable(layer, rows, goTo) {
  const scores = withScores(rows);
  const cells = rows.map((row) => [
    mentionButton(row.arg1, goTo),
    tagOf(row.label),
    mentionButton(row.arg2, goTo),
    ...(scores ? [percent(row.score)] : []),
  ]);
  return table(layer.title, ["From", "Relation", "To", ...(scores ? ["Probability"] : [])], cells);
}

function clusterList(layer, rows, goTo) {
  const items = rows.flatMap((cluster, number) => {
    if (!cluster.length) return [];
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
    (row.label ?? row.value) === undefined ? "" : tagOf(String(row.label ?? row.value)),
    ...(scores ? [percent(row.score)] : []),
  ]);
  return table(layer.title, ["Text", "Label", ...(scores ? ["Probability"] : [])], cells);
}

const isMention = (value) => typeof value?.start === "number" && typeof value?.end === "number";

// The stretches of text in a row of any kind: itself, or its values.
const mentionsOf = (row) => (isMention(row) ? [row] : Object.values(row).filter(isMention));
