// Annotations of a sentence as nested elements.

// A mark has `start` and `end` in tokens, both included, and `make(isEnd)`, which makes its element. Marks that cross
// are cut: `isEnd` tells the last part.
function nested(marks) {
  const queue = [...marks].sort((a, b) => a.start - b.start || b.end - a.end || a.order - b.order);
  const nodes = [];
  for (let first = 0; first < queue.length; ) {
    const outer = queue[first];
    const inside = [];
    const beyond = [];
    let next = first + 1;
    for (; next < queue.length && queue[next].start <= outer.end; next++) {
      const mark = queue[next];
      if (mark.end <= outer.end) {
        inside.push(mark);
      } else {
        inside.push({ ...mark, end: outer.end, cut: true });
        beyond.push({ ...mark, start: outer.end + 1 });
      }
    }
    if (beyond.length) {
      const rest = [...beyond, ...queue.slice(next)];
      queue.splice(next, Infinity, ...rest.sort((a, b) => a.start - b.start || b.end - a.end || a.order - b.order));
    }
    const children = nested(inside);
    // How many boxes stand inside this one, the one in the other: the outer ones are taller.
    const inner = Math.max(0, ...children.map((child) => child.depth));
    nodes.push({ mark: outer, children, depth: inner + (outer.boxed ? 1 : 0) });
    first = next;
  }
  return nodes;
}

// Appends the tokens `first` to `last` to `parent`, with the nodes as elements among their text.
function appendTokens(parent, nodes, first, last, slice) {
  let token = first;
  let inside = false; // whether something was written, so that the white space before the next token belongs here
  for (const node of nodes) {
    const { start, end } = node.mark;
    if (token < start) parent.append(slice(token, start - 1, inside));
    if (inside || token < start) parent.append(slice.gap(start));
    const made = node.mark.make(!node.mark.cut);
    made.style.setProperty("--depth", node.depth);
    appendTokens(made, node.children, start, end, slice);
    if (made.labels) made.append(...made.labels);
    parent.append(made);
    token = end + 1;
    inside = true;
  }
  if (token <= last) parent.append(slice(token, last, inside));
}

// Reads tokens off a text whose offsets count characters, as Python does, not the halves of surrogate pairs. What people
// see as one character, such as a flag, stays whole: it belongs to the token that it begins in.
function slicer(text, offsets) {
  const places = new Uint32Array(text.length + 1);
  let number = 0;
  let place = 0;
  for (const character of text) {
    places[number++] = place;
    place += character.length;
  }
  places[number] = place;
  const begins = graphemeBegins(text);
  const whole = (place) => {
    while (begins && place < text.length && !begins[place]) place += 1;
    return place;
  };
  const bounds = offsets.map(([start, end]) => [whole(places[start]), whole(places[end])]);
  const slice = (first, last, withGap) =>
    text.slice(withGap && first ? bounds[first - 1][1] : bounds[first][0], bounds[last][1]);
  slice.gap = (token) => (token ? text.slice(bounds[token - 1][1], bounds[token][0]) : "");
  // The token that a mark begins with, where it is not to begin inside of what people see as one character.
  slice.firstOf = (token) => {
    while (begins && token > 0 && !begins[places[offsets[token][0]]]) token -= 1;
    return token;
  };
  return slice;
}

// Where in a text characters begin, as people count them; nothing where each is one.
function graphemeBegins(text) {
  if (!Intl.Segmenter || /^[\u0000-\u02ff\u2010-\u2027]*$/.test(text)) return null;
  const begins = new Uint8Array(text.length + 1);
  for (const { index } of new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)) begins[index] = 1;
  begins[text.length] = 1;
  return begins;
}
