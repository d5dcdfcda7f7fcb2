// What a link to this page keeps: the text, the labels to find, whether its layers agree, and the hidden ones, in the
// fragment, which no browser sends anywhere.

function readState() {
  const values = new URLSearchParams(location.hash.slice(1));
  return {
    text: values.get("text"),
    labels: values.get("labels"),
    consistent: values.has("consistent"),
    hidden: new Set(values.getAll("hide")),
  };
}

function writeState(text, labels, consistent, hidden) {
  const values = new URLSearchParams();
  if (text) values.set("text", text);
  if (labels) values.set("labels", labels);
  if (consistent) values.set("consistent", "");
  for (const name of hidden) values.append("hide", name);
  const fragment = values.toString();
  history.replaceState(null, "", fragment ? `#${fragment}` : location.pathname + location.search);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure connection there is no clipboard, but the old way.
    const box = element("textarea", { class: "hidden" });
    box.value = text;
    const before = document.activeElement;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
    before?.focus();
  }
}

const THEMES = ["auto", "light", "dark"];

function storedTheme() {
  try {
    return THEMES.includes(localStorage.getItem("hmtl-theme")) ? localStorage.getItem("hmtl-theme") : "auto";
  } catch {
    return "auto"; // storage may be forbidden
  }
}

function setTheme(theme, button) {
  document.documentElement.dataset.theme = theme;
  button.textContent = `Theme: ${theme}`;
  try {
    localStorage.setItem("hmtl-theme", theme);
  } catch {
    // for this time only, then
  }
}
