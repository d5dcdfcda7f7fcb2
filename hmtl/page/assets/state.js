// What a link to this page keeps, in the fragment, which no browser sends anywhere: the text, the second one of a pair,
// the labels to find, whether its layers agree, the hidden ones, the view, the least probability in percent, and the level to show.

const VIEWS = ["overlay", "levels", "graph"];

function readState() {
  const values = new URLSearchParams(location.hash.slice(1));
  const least = Number(values.get("least"));
  return {
    text: values.get("text"),
    second: values.get("second"),
    labels: values.get("labels"),
    consistent: values.has("consistent"),
    hidden: new Set(values.getAll("hide")),
    view: VIEWS.includes(values.get("view")) ? values.get("view") : VIEWS[0],
    least: least > 0 && least <= 100 ? Math.round(least) : 0,
    level: values.get("level"),
  };
}

function fragmentOf({ text, second, labels, consistent, hidden, view, least, level }) {
  const values = new URLSearchParams();
  if (text) values.set("text", text);
  if (second) values.set("second", second);
  if (labels) values.set("labels", labels);
  if (consistent) values.set("consistent", "");
  for (const name of hidden) values.append("hide", name);
  if (view !== VIEWS[0]) values.set("view", view);
  if (least) values.set("least", least);
  if (level) values.set("level", level);
  const fragment = values.toString();
  return fragment ? `#${fragment}` : "";
}

// With a new entry in the history the browser's button goes back to what was shown before.
function writeState(state, isNewEntry = false) {
  const fragment = fragmentOf(state);
  if (fragment === location.hash) return;
  const address = fragment || location.pathname + location.search;
  try {
    if (isNewEntry) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  } catch {
    // in a frame without an address of its own
  }
}
