// A hue for each label, the same on every page; labels of one meaning share it.

const HUES = {
  per: 262, person: 262,
  org: 150, organization: 150,
  gpe: 40, location: 65, loc: 65, place: 65,
  fac: 95, facility: 95,
  veh: 205, product: 205,
  wea: 20, weapon: 20,
  date: 310, time: 325,
  norp: 340, language: 355,
  event: 5, work_of_art: 290, law: 275,
  "part-whole": 165, "org-aff": 235, "per-soc": 335, "gen-aff": 290, phys: 75, art: 30,
  money: 125, percent: 110, quantity: 180, cardinal: 190, ordinal: 195,
};

// Multiples of this angle stay apart from one another around the circle.
const GOLDEN_ANGLE = 137.508;

function hueOf(label) {
  const known = HUES[label.toLowerCase()];
  if (known !== undefined) return known;
  let hash = 0;
  for (const character of label) hash = (hash * 31 + character.codePointAt(0)) % 360;
  return Math.round((hash * GOLDEN_ANGLE) % 360);
}

const hueOfCluster = (number) => Math.round((25 + number * GOLDEN_ANGLE) % 360);
