// The page.

const TITLES = { ner: "Named entities", emd: "Mentions", entities: "Entities", relation: "Relations", coref: "Coreference", pos: "Parts of speech", dependencies: "Dependencies" };
const LOOKS = ["filled", "outlined", "underlined"];

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const state = readState();
const articles = [];
let outputs = data.outputs;

// Of each kind the data say what one and several of its rows are called, and what draws them; of the model what it is.
const about = data.about || {};
const layers = Object.entries(data.layers).map(([name, kind]) => ({ name, title: TITLES[name] || name, ...data.kinds[kind], ...about.tasks?.[name] }));
for (const layer of layers) layer.draws = DRAWINGS[layer.drawing] || DRAWINGS.labels;
layers.filter((layer) => layer.drawing === "spans").forEach((layer, number) => (layer.look = LOOKS[number % LOOKS.length]));

const announce = (text) => (byId("announcement").textContent = text);
const complain = (text) => (byId("message").textContent = text);
const keepState = (isNewEntry) => writeState(state, isNewEntry);
const linkTo = (level) => location.pathname + location.search + fragmentOf({ ...state, view: "levels", level });

// One text in the view that was chosen.
class Article {
  constructor(output, number, isAlone) {
    this.output = output;
    this.isAlone = isAlone;
    this.content = element("div", { class: "content" });
    this.tables = element("div", { class: "tables" });
    this.node = element("article", {}, this.content, this.tables);
    this.node.view = this;
    this.entered = false;
    if (isAlone) return;
    const name = output.doc_key && output.doc_key !== "document" ? output.doc_key : `Text ${number + 1}`;
    this.node.prepend(element("h2", {}, name));
    this.content.append(element("div", { class: "text" }, element("p", { dir: "auto" }, output.text)));
  }

  enter() {
    nearby.unobserve(this.node);
    const isNew = !this.entered;
    this.entered = true;
    if (isNew) this.render(Boolean(data.server));
  }

  render(isNew) {
    if (!this.entered) return;
    const output = leastProbable(this.output, state.least / 100);
    const visible = layers.filter((layer) => !state.hidden.has(layer.name));
    const goTo = (mention) => this.goTo(mention);
    if (state.view === "levels") {
      this.panels = visible.map((layer) => new LevelPanel(layer, layers, linkTo, this.isAlone ? "h2" : "h3"));
      this.content.replaceChildren(...this.panels.map((panel) => panel.node));
      for (const panel of this.panels) panel.render(output);
    } else if (state.view === "graph") {
      this.graph ||= new GraphView((mention) => (setView("overlay"), this.goTo(mention)));
      this.content.replaceChildren(this.graph.node);
      this.graph.render(output, visible);
    } else {
      this.text ||= new TextView(say);
      this.content.replaceChildren(this.text.node);
      this.text.render(output, visible, isNew);
    }
    this.tables.hidden = state.view === "graph";
    this.tables.replaceChildren(...(this.tables.hidden ? [] : visible.map((layer) => tableOf(layer, output[layer.name], goTo))));
  }

  goTo(mention) {
    const views = state.view === "levels" ? this.panels.map((panel) => panel.view) : [this.text];
    if (!views.some((view) => view.goTo(mention))) say(["Not marked in the text: its layer is hidden."], document.activeElement);
  }
}

// The rows that are at least so probable; those without a score stay. Clusters keep their numbers.
function leastProbable(output, least) {
  if (!least) return output;
  const stays = (row) => row.score === undefined || row.score >= least;
  const kept = (rows) => rows.map((row) => (Array.isArray(row) ? row.filter(stays) : row)).filter((row) => Array.isArray(row) || stays(row));
  return { ...output, ...Object.fromEntries(layers.map(({ name }) => [name, kept(output[name])])) };
}

function renderAll() {
  for (const article of articles) article.render();
  countRows();
}

function countRows() {
  const shown = outputs.map((output) => leastProbable(output, state.least / 100));
  for (const layer of layers) {
    const total = shown.reduce((sum, output) => sum + numberOf(output[layer.name]), 0);
    layer.count.textContent = total.toLocaleString("en");
  }
}

// Texts far away from the window wait as plain text until they come near.
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) if (isIntersecting) target.view.enter();
  },
  { rootMargin: "1000px" },
);

function show(newOutputs, isAnnounced) {
  outputs = newOutputs;
  nearby.disconnect();
  articles.splice(0, Infinity, ...outputs.map((output, number) => new Article(output, number, outputs.length === 1)));
  const nothing = element("p", { class: "empty" }, data.server ? "Type or paste a text, drop a file, or choose an example." : "There are no texts.");
  byId("texts").replaceChildren(...(articles.length ? articles.map((article) => article.node) : [nothing]));
  if (articles.length === 1) articles[0].enter();
  else for (const { node } of articles) nearby.observe(node);
  countRows();
  byId("confidence").hidden = !layers.some((layer) => outputs.some((output) => output[layer.name].flat().some((row) => row.score !== undefined)));
  busy(false);
  allowSharing(byId("share"), outputs.length > 0);
  goToLevel();
  if (isAnnounced) announce(layers.map((layer) => `${layer.title}: ${layer.count.textContent}`).join(", "));
}

function busy(isBusy) {
  byId("texts").classList.toggle("stale", isBusy);
  byId("texts").setAttribute("aria-busy", isBusy);
  byId("reading").hidden = !isBusy;
}

function wait() {
  if (!outputs.length) byId("texts").replaceChildren(element("p", { class: "empty" }, "Reading the text…"));
  busy(true);
  allowSharing(byId("share"), false);
}

function goToLevel() {
  if (state.view !== "levels" || !state.level) return;
  document.querySelector(`[data-level="${CSS.escape(state.level)}"]`)?.scrollIntoView();
}

function setView(view) {
  state.view = view;
  state.level = null;
  byId(`view-${view}`).checked = true;
  keepState();
  renderAll();
}

function controls() {
  for (const layer of layers) {
    const box = element("input", { type: "checkbox", name: layer.name, autocomplete: "off" });
    box.addEventListener("change", () => {
      if (box.checked) state.hidden.delete(layer.name);
      else state.hidden.add(layer.name);
      keepState();
      renderAll();
    });
    layer.count = element("span", { class: "count" });
    layer.box = box;
    const swatch = element("span", { class: `swatch ${layer.look || layer.drawing}`, "aria-hidden": "true" });
    byId("layers").append(element("label", {}, box, swatch, layer.title, layer.count));
  }
  for (const view of VIEWS) byId(`view-${view}`).addEventListener("change", () => setView(view));
  let frame = 0;
  byId("least").addEventListener("input", ({ target }) => {
    state.least = Number(target.value);
    byId("least-shown").textContent = `${state.least} %`;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      keepState();
      renderAll();
    });
  });
  showState();
}

function showState() {
  for (const layer of layers) layer.box.checked = !state.hidden.has(layer.name);
  byId(`view-${state.view}`).checked = true;
  byId("least").value = state.least;
  byId("least-shown").textContent = `${state.least} %`;
}

controls();
let form = null;
shareMenu(byId("share"), () => ({
  outputs,
  node: byId("texts"),
  question: form?.question(),
  link: location.href.split("#")[0] + fragmentOf(state),
}));
show(outputs);
if (data.server) form = textForm(data.server, { state, keepState, show, wait, complain });
addEventListener("hashchange", () => {
  const before = { ...state };
  Object.assign(state, readState());
  showState();
  if (form && ["text", "second", "labels", "consistent"].some((name) => (before[name] || "") !== (state[name] || ""))) return form.follow(state);
  renderAll();
  goToLevel();
});
