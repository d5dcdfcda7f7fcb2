// What is shown, for elsewhere: as a link, as data, as a program, as a picture, as a page.

// As it came, before anything was drawn.
const PRISTINE = document.documentElement.outerHTML;

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

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// A string of JSON is one of Python's, too.
const asPython = (url, question) => `import json
from urllib.request import Request, urlopen

body = json.dumps(${pythonOf(question)})
request = Request(${JSON.stringify(url)}, body.encode(), {"Content-Type": "application/json"})
with urlopen(request) as answer:
    (output,) = json.load(answer)["outputs"]
print(json.dumps(output, indent=2, ensure_ascii=False))
`;

function pythonOf(value) {
  if (value === true) return "True";
  if (Array.isArray(value)) return `[${value.map(pythonOf).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${pythonOf(each)}`).join(", ")}}`;
  return JSON.stringify(value);
}

const asShell = (url, question) =>
  `curl -s ${url} -H 'Content-Type: application/json' -d '${JSON.stringify(question).replaceAll("'", "'\\''")}'`;

// This page with what it shows, without a server: its style and its script stand in it, and it loads nothing.
function asPage(outputs) {
  const { server, ...rest } = data;
  const json = JSON.stringify({ ...rest, outputs }).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const opening = '<script type="application/json" id="data">';
  const start = PRISTINE.indexOf(opening) + opening.length;
  return `<!DOCTYPE html>\n${PRISTINE.slice(0, start)}${json}${PRISTINE.slice(PRISTINE.indexOf("<\/script>", start))}`;
}

const asEmbed = (html, height) =>
  `<iframe title="${data.title.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}" width="100%" height="${height}" style="border:0" sandbox="allow-scripts" srcdoc="${html.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}"></iframe>`;

// `shown` gives {outputs, node, question, link}: what there is to share, at the time that somebody asks.
function shareMenu(menu, shown) {
  const tell = (button, done) => {
    announce(`${done}.`);
    const name = button.dataset.name || button.textContent;
    button.dataset.name = name;
    button.textContent = done;
    setTimeout(() => (button.textContent = name), 1500);
  };
  const copies = {
    link: ({ link }) => link,
    json: ({ outputs }) => JSON.stringify({ layers: data.layers, outputs }, null, 2),
    python: ({ question }) => asPython(new URL(data.server.predict, location.href.split("#")[0]).href, question),
    curl: ({ question }) => asShell(new URL(data.server.predict, location.href.split("#")[0]).href, question),
    embed: ({ outputs, node }) => asEmbed(asPage(outputs), Math.min(Math.round(node.getBoundingClientRect().height) + 240, 800)),
  };
  const files = {
    svg: ({ node }) => [new Blob([pictureOf(node).svg], { type: "image/svg+xml" }), "hmtl.svg"],
    png: async ({ node }) => [await pixelsOf(pictureOf(node)), "hmtl.png"],
    html: ({ outputs }) => [new Blob([asPage(outputs)], { type: "text/html" }), "hmtl.html"],
  };
  for (const [name, make] of Object.entries(copies)) {
    const button = byId(`copy-${name}`);
    button.addEventListener("click", async () => {
      await copy(make(shown()));
      tell(button, "Copied");
    });
  }
  for (const [name, make] of Object.entries(files)) {
    const button = byId(`save-${name}`);
    button.addEventListener("click", async () => {
      save(...(await make(shown())));
      tell(button, "Saved");
    });
  }
  // A program asks a server.
  for (const name of ["python", "curl"]) byId(`copy-${name}`).hidden = !data.server;
  addEventListener("pointerdown", (event) => !menu.contains(event.target) && (menu.open = false));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// Nothing of an older text is to be copied under a newer one.
function allowSharing(menu, isAllowed) {
  for (const button of menu.querySelectorAll("button:not(#copy-link)")) button.disabled = !isAllowed;
}
