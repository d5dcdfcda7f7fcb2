"""The style sheet and the script of the page; the page needs neither to be read."""

STYLE = """
:root { color-scheme: light dark; --tint: 88%; --ink: 28%; --line: #8886; --bar: #4a7fd055; }
@media (prefers-color-scheme: dark) { :root { --tint: 24%; --ink: 78%; --bar: #6f9fe855; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
a { color: inherit; } [id] { scroll-margin-top: 4rem; }
:focus-visible, :target { outline: 2px solid #4a7fd0; outline-offset: 2px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th { font-weight: normal; text-align: left; } thead th, tbody tr:first-child th { font-weight: 600; }
thead th:not(:first-child), td { text-align: right; }
tbody tr:first-child th { padding-top: 1rem; }
th, td { border-bottom: 1px solid var(--line); padding: .15rem .6rem; white-space: pre; }
td { background: linear-gradient(to right, var(--bar) var(--share, 0%), transparent 0) no-repeat; }
svg { margin-left: .5em; vertical-align: -.2em; }
svg rect { fill: currentColor; opacity: .55; } svg rect:hover { opacity: 1; }
.toggles { background: Canvas; border-bottom: 1px solid var(--line); padding: .4rem 0; position: sticky; top: 0; }
.toggles label { margin-right: 1rem; white-space: nowrap; }
nav ul { columns: 16rem; padding-left: 1.2rem; }
article { border-top: 1px solid var(--line); margin-top: 2rem; }
.text { line-height: 2; margin: .6rem 0 .2rem; overflow-wrap: anywhere;
  padding-inline-start: 3rem; text-indent: -3rem; }
.text > * { text-indent: 0; }
.number { color: GrayText; display: inline-block; font-size: .75rem; text-align: end; width: 2.4rem;
  margin-inline-end: .6rem; user-select: none; }
mark { background: hsl(var(--hue) 75% var(--tint)); border: 1px solid hsl(var(--hue) 45% 55%); border-radius: .3em;
  box-decoration-break: clone; -webkit-box-decoration-break: clone; color: inherit; padding: .1em .2em; }
mark.open { border-right-style: dashed; } mark.again { border-left-style: dashed; }
mark.mention { background: none; border-width: 0 0 3px; border-radius: 0; }
mark small, mark sup { color: hsl(var(--hue) 60% var(--ink)); font-size: .65em; font-weight: 600; margin-left: .3em;
  user-select: none; }
mark.lit, li.lit { background: hsl(var(--hue) 75% var(--tint)); box-shadow: 0 0 0 2px hsl(var(--hue) 60% 50%); }
.relations { list-style: none; margin: 0; padding-left: 3rem; font-size: .875rem; }
.relations b { color: hsl(var(--hue) 60% var(--ink)); font-weight: 600; }
.members { font-size: .875rem; } .members b { color: hsl(var(--hue) 60% var(--ink)); }
.members a { text-decoration-color: hsl(var(--hue) 45% 55%); }
@media print { .toggles { display: none; } article { break-before: page; } }
"""

# Without a check mark the marks of a layer become plain text. Browsers that do not know `:has` show all layers.
HIDE_LAYER = """
body:has(#layer-{0}:not(:checked)) mark.layer-{0} {{ all: unset; }}
body:has(#layer-{0}:not(:checked)) mark.layer-{0} > :is(small, sup), \
body:has(#layer-{0}:not(:checked)) .list-{0} {{ display: none; }}
"""

SCRIPT = """
for (const type of ['mouseover', 'focusin']) document.addEventListener(type, event => {
  for (const element of document.querySelectorAll('.lit')) element.classList.remove('lit');
  const chosen = event.target.closest('[data-cluster]');
  if (!chosen) return;
  const cluster = `[data-cluster="${chosen.dataset.cluster}"]`;
  for (const element of chosen.closest('article').querySelectorAll(cluster)) element.classList.add('lit');
});
"""
