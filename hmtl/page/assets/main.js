// The page.

const TITLES = { ner: "Named entities", emd: "Mentions", relation: "Relations", coref: "Coreference" };
const LOOKS = ["filled", "outlined", "underlined"];
const TYPING_PAUSE = 500;

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const state = readState();
const views = [];
let outputs = data.outputs;

// Of each kind the data say what one and several of its rows are called, and what draws them.
const layers = Object.entries(data.layers).map(([name, kind]) => ({ name, title: TITLES[name] || name, ...data.kinds[kind] }));
for (const layer of layers) layer.draws = DRAWINGS[layer.drawing] || DRAWINGS.labels;
layers.filter((layer) => layer.drawing === "spans").forEach((layer, number) => (layer.look = LOOKS[number % LOOKS.length]));

const say = (text) => (byId("status").textContent = text);
const announce = (text) => (byId("announcement").textContent = text);
const complain = (text) => (byId("message").textContent = text);

function keepState() {
  const labels = data.server ? byId("labels").value.trim() : "";
  writeState(data.server ? byId("text").value : "", labels, byId("consistent").checked, state.hidden);
}

function showLayers() {
  for (const layer of layers) {
    const box = element("input", { type: "checkbox", name: layer.name, autocomplete: "off" });
    box.checked = !state.hidden.has(layer.name);
    box.addEventListener("change", () => {
      if (box.checked) state.hidden.delete(layer.name);
      else state.hidden.add(layer.name);
      keepState();
      for (const view of views) view.renderSoon();
    });
    layer.count = element("span", { class: "count" });
    layer.box = box;
    const swatch = element("span", { class: `swatch ${layer.look || layer.drawing}`, "aria-hidden": "true" });
    byId("layers").append(element("label", {}, box, swatch, layer.title, layer.count));
  }
}

// Texts far away from the window wait as plain text until they come near.
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) target.view.enter();
  },
  { rootMargin: "1000px" },
);

function makeView(output, number) {
  const view = new TextView(output, layers, say);
  let entered = false;
  view.renderSoon = () => entered && view.render(state.hidden);
  view.enter = () => {
    nearby.unobserve(view.node);
    if (!entered) view.render(state.hidden, Boolean(data.server));
    entered = true;
  };
  view.node.view = view;
  if (outputs.length > 1) {
    const name = output.doc_key && output.doc_key !== "document" ? output.doc_key : `Text ${number + 1}`;
    view.node.prepend(element("h2", {}, name));
    view.sentences.append(element("p", { dir: "auto" }, output.text));
    nearby.observe(view.node);
  }
  return view;
}

function show(newOutputs) {
  outputs = newOutputs;
  nearby.disconnect();
  views.splice(0, Infinity, ...outputs.map(makeView));
  byId("texts").replaceChildren(...views.map((view) => view.node));
  if (views.length === 1) views[0].enter();
  for (const layer of layers) {
    const total = outputs.reduce((sum, output) => sum + output[layer.name].length, 0);
    layer.count.textContent = total.toLocaleString("en");
  }
  byId("copy-json").disabled = !outputs.length;
}

async function copied(text, button) {
  await copy(text);
  announce("Copied.");
  const name = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = name), 1500);
}

function tools() {
  byId("copy-json").addEventListener("click", (event) =>
    copied(JSON.stringify({ layers: data.layers, outputs }, null, 2), event.currentTarget),
  );
  byId("copy-link").addEventListener("click", (event) => {
    keepState();
    copied(location.href, event.currentTarget);
  });
  setTheme(storedTheme(), byId("theme"));
  byId("theme").addEventListener("click", (event) => {
    const now = THEMES.indexOf(document.documentElement.dataset.theme);
    setTheme(THEMES[(now + 1) % THEMES.length], event.currentTarget);
  });
}

// The text box, where a server answers.
function form({ predict, max_characters: limit, examples, docs, labels }) {
  const box = byId("text");
  const asked = byId("labels");
  let request = null;
  let timer = null;

  const count = () => {
    const length = [...box.value].length;
    byId("hint").textContent = length > limit * 0.8 ? `${length.toLocaleString("en")} of ${limit.toLocaleString("en")} characters` : "";
  };

  // From the first key on what is shown belongs to an older text.
  const busy = (value) => {
    byId("texts").classList.toggle("stale", value);
    byId("texts").setAttribute("aria-busy", value);
  };

  const question = () => {
    const found = asked.value.split(",").map((label) => label.trim()).filter(Boolean);
    return {
      text: box.value.toWellFormed ? box.value.toWellFormed() : box.value,
      ...(found.length && { labels: found }),
      ...(byId("consistent").checked && { consistent: true }),
    };
  };

  async function annotate() {
    clearTimeout(timer);
    request?.abort();
    keepState();
    complain("");
    if (!box.value.trim()) {
      show([]);
      return busy(false);
    }
    busy(true);
    request = new AbortController();
    try {
      const response = await fetch(predict, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(question()),
        signal: request.signal,
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail);
      show(answer.outputs);
      announce(layers.map((layer) => `${layer.title}: ${layer.count.textContent}`).join(", "));
    } catch (error) {
      if (error.name === "AbortError") return; // a newer text is on its way
      complain(error instanceof TypeError ? "The server does not answer." : error.message);
    }
    busy(false);
  }

  const setText = (text) => {
    box.value = text;
    count();
    return annotate();
  };

  byId("form").hidden = false;
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    annotate();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) annotate();
  });
  const annotateSoon = () => {
    count();
    busy(true);
    request?.abort();
    clearTimeout(timer);
    timer = setTimeout(annotate, TYPING_PAUSE);
  };
  box.addEventListener("input", annotateSoon);
  asked.addEventListener("input", annotateSoon);
  // Those of training, where a task's labels are texts.
  byId("asked").hidden = !labels;
  asked.placeholder = (labels || []).join(", ");
  byId("consistent").checked = state.consistent;
  byId("consistent").addEventListener("change", annotate);
  examples.forEach((text, number) => {
    const button = element("button", { type: "button", title: text }, `Example ${number + 1}`);
    button.addEventListener("click", () => setText(text));
    byId("examples").append(button);
  });
  addEventListener("hashchange", () => {
    const linked = readState();
    state.hidden = linked.hidden;
    byId("consistent").checked = linked.consistent;
    for (const layer of layers) layer.box.checked = !state.hidden.has(layer.name);
    asked.value = linked.labels || "";
    setText(linked.text || "");
  });
  document.querySelector("footer").append(element("p", { class: "hint" }, "For programs: ", element("a", { href: docs }, "the interface")));
  asked.value = (labels && state.labels) || "";
  setText(state.text ?? examples[0]);
}

tools();
showLayers();
show(outputs);
if (data.server) form(data.server);
