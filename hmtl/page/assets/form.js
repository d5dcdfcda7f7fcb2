// The text box, where a server answers.

const TYPING_PAUSE = 500;
// A server that is busy is asked again, where it says so and it is not for long.
const AGAIN = { statuses: [429, 503], tries: 4, seconds: 15 };

// What is to be told to people, beside errors of the program.
class Refusal extends Error {}

async function ask(url, question, signal, tell) {
  for (let tries = 1; ; tries++) {
    const response = await answerTo(url, question, signal);
    if (response.ok) return contentOf(response);
    const seconds = Number(response.headers.get("Retry-After") ?? NaN);
    if (!AGAIN.statuses.includes(response.status) || tries === AGAIN.tries || !(seconds <= AGAIN.seconds))
      throw new Refusal(await reasonOf(response));
    tell(`The server is busy. It is asked again in ${counted(seconds, "second", "seconds")}.`);
    await pause(1000 * seconds, signal);
    tell("");
  }
}

async function answerTo(url, question, signal) {
  try {
    return await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The server does not answer.");
  }
}

// Between here and the server something else may have answered.
async function contentOf(response) {
  try {
    const { outputs } = await response.json();
    if (Array.isArray(outputs)) return outputs;
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  throw new Refusal("What answers is not the server of this page.");
}

async function reasonOf(response) {
  try {
    const { detail } = await response.json();
    if (typeof detail === "string") return detail;
  } catch {
    // no JSON
  }
  return `The server answers ${[response.status, response.statusText].filter(Boolean).join(" ")}, and gives no reason.`;
}

function pause(milliseconds, signal) {
  return new Promise((done, stop) => {
    setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => stop(signal.reason));
  });
}

// `show` shows outputs, `wait` says that newer ones are on their way.
function textForm({ predict, max_characters: limit, examples, docs, labels, pairs }, { state, keepState, show, wait, complain }) {
  const box = byId("text");
  const second = byId("second");
  const asked = byId("labels");
  const consistent = byId("consistent");
  let request = null;
  let timer = null;

  const count = () => {
    const length = [...box.value, ...second.value].length;
    byId("hint").textContent = length > limit * 0.8 ? `${length.toLocaleString("en")} of ${limit.toLocaleString("en")} characters` : "";
  };

  const question = () => {
    const found = asked.value.split(",").map((label) => label.trim()).filter(Boolean);
    const wellFormed = (text) => (text.toWellFormed ? text.toWellFormed() : text);
    return {
      text: wellFormed(box.value),
      ...(second.value.trim() && { text_pair: wellFormed(second.value) }),
      ...(found.length && { labels: found }),
      ...(consistent.checked && { consistent: true }),
    };
  };

  async function annotate(isNewEntry) {
    clearTimeout(timer);
    request?.abort();
    Object.assign(state, { text: box.value, second: second.value, labels: labels && asked.value.trim(), consistent: consistent.checked });
    keepState(isNewEntry === true);
    complain("");
    if (!box.value.trim()) return show([]);
    wait();
    const own = (request = new AbortController());
    try {
      const outputs = await ask(predict, question(), own.signal, complain);
      if (own === request) show(outputs, true);
    } catch (error) {
      if (own !== request || error.name === "AbortError") return; // a newer text is on its way
      show([]);
      complain(error instanceof Refusal ? error.message : `The page has a fault: ${error.message}`);
    }
  }

  // From the first key on what is shown belongs to an older text.
  const annotateSoon = () => {
    count();
    complain("");
    wait();
    request?.abort();
    clearTimeout(timer);
    timer = setTimeout(annotate, TYPING_PAUSE);
  };

  // What was the second text of a pair is none of another text.
  const setText = (text, isNewEntry, textPair = "") => {
    box.value = text;
    second.value = textPair;
    count();
    return annotate(isNewEntry);
  };

  async function readFile(file) {
    if (!file) return;
    // A character takes four bytes at most.
    if (file.size > 4 * limit) return complain(`${file.name} is too long: at most ${limit.toLocaleString("en")} characters are read.`);
    try {
      setText(new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer()), true);
    } catch {
      complain(`${file.name} is no text in UTF-8.`);
    }
  }

  const node = byId("form");
  node.hidden = false;
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    annotate();
  });
  for (const area of [box, second]) {
    area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) annotate();
    });
    area.addEventListener("input", annotateSoon);
  }
  asked.addEventListener("input", annotateSoon);
  consistent.addEventListener("change", annotate);
  byId("file").addEventListener("change", ({ target }) => {
    readFile(target.files[0]);
    target.value = "";
  });
  const holdsFile = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    node.classList.add("dropping");
  });
  addEventListener("dragleave", () => node.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    node.classList.remove("dropping");
    if (!holdsFile(event)) return;
    event.preventDefault();
    readFile(event.dataTransfer.files[0]);
  });
  byId("pair").hidden = !pairs;
  // Those of training, where a task's labels are texts.
  byId("asked").hidden = !labels;
  asked.placeholder = (labels || []).join(", ");
  for (const [name, text] of Object.entries(examples)) {
    const button = element("button", { type: "button", title: text }, name);
    button.addEventListener("click", () => setText(text, true));
    byId("examples").append(button);
  }
  document.querySelector("footer").append(element("p", { class: "hint" }, "For programs: ", element("a", { href: docs }, "the interface")));

  const follow = (linked) => {
    consistent.checked = linked.consistent;
    asked.value = (labels && linked.labels) || "";
    return setText(linked.text ?? "", false, (pairs && linked.second) || "");
  };
  follow({ ...state, text: state.text ?? Object.values(examples)[0] });
  return { question, follow };
}
