// What labels are called and mean, and a hue for each; `data.labels` knows those of common corpora.

const known = (label) => (Object.hasOwn(data.labels, label.toLowerCase()) ? data.labels[label.toLowerCase()] : {});

const nameOfLabel = (label) => known(label).name || label;

const meaningOf = (label) => known(label).meaning || "";

// Whether two labels say the same, as PER and person do.
function agree(label, other) {
  return label.toLowerCase() === other.toLowerCase() || (meaningOf(label) !== "" && meaningOf(label) === meaningOf(other));
}

// Multiples of this angle stay apart from one another around the circle.
const GOLDEN_ANGLE = 137.508;

// As hmtl/page/labels.py computes them.
function hueOf(label) {
  const { hue } = known(label);
  if (hue !== undefined) return hue;
  let number = 0;
  for (const character of label) number = (number * 31 + character.codePointAt(0)) % 360;
  return Math.round((number * GOLDEN_ANGLE) % 360);
}

const hueOfCluster = (number) => Math.round((25 + number * GOLDEN_ANGLE) % 360);

// A label as a tag in a table or a list.
function tagOf(label) {
  const title = [label === nameOfLabel(label) ? "" : label, meaningOf(label)].filter(Boolean).join(": ");
  return element("span", { class: "tag", hue: hueOf(label), title: title || false }, nameOfLabel(label));
}
