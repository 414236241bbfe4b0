// Coordinates when parts are folded: x becomes X(x) and y becomes Y(y), for the whole picture. Both maps only shrink the
// parts of folds in which nothing is visible.

/** The map that shrinks spans, [{ low, high, factor }] sorted and disjoint, and moves everything after them. */
function squeezer(spans) {
  const lost = [0];
  for (const { low, high, factor } of spans) lost.push(lost[lost.length - 1] + (high - low) * (1 - factor));
  return at => {
    let [first, last] = [0, spans.length]; // the number of spans that start before it, by bisection
    while (first < last) {
      const half = (first + last) >> 1;
      if (spans[half].low < at) first = half + 1;
      else last = half;
    }
    if (!first) return at;
    const { low, high, factor } = spans[first - 1];
    return at - lost[first - 1] - (Math.min(at, high) - low) * (1 - factor);
  };
}

/** The spans that shrink folds, [{ low, high, size }], to their sizes, except for solid parts, [[low, high]]. */
function shrink(folds, solid) {
  const cuts = [...new Set([...folds.flatMap(fold => [fold.low, fold.high]), ...solid.flat()])].sort((a, b) => a - b);
  const pieces = cuts.slice(1).map((high, i) => ({ low: cuts[i], high, free: true }));
  for (const [low, high] of solid) for (const piece of pieces) if (low <= piece.low && piece.high <= high) piece.free = false;
  const within = (piece, fold) => fold.low <= piece.low && piece.high <= fold.high;
  const factors = folds.map(fold => {
    const inside = pieces.filter(piece => within(piece, fold));
    const free = inside.filter(piece => piece.free).reduce((sum, piece) => sum + piece.high - piece.low, 0);
    return Math.min(Math.max((fold.size - (fold.high - fold.low - free)) / free, 0.01), 1);
  });
  return pieces
    .filter(piece => piece.free && folds.some(fold => within(piece, fold)))
    .map(({ low, high }) => ({ low, high, factor: Math.max(...factors.filter((_, i) => within({ low, high }, folds[i]))) }));
}

/**
 * Places in a row, in order, without overlaps, and on average as wished: [{ wish, size }] -> numbers. Layouts in Python have a
 * function for the same, but cannot send its numbers: what is folded, and so where boxes wish to be, is the reader's choice.
 */
function spread(items, gap) {
  const places = [];
  items.forEach(({ wish, size }, i) => places.push(i ? Math.max(wish, places[i - 1] + (items[i - 1].size + size) / 2 + gap) : wish));
  const excess = places.reduce((sum, place, i) => sum + place - items[i].wish, 0) / places.length;
  return places.map(place => place - excess);
}

// -- lines ------------------------------------------------------------------------------------------------------------

const inside = ([x, y], { low, high, top, bottom }) => low <= x && x <= high && top <= y && y <= bottom;
const mixed = ([x, y], [toX, toY], share) => [x + (toX - x) * share, y + (toY - y) * share];

/** The rest of a cubic curve from a parameter on (de Casteljau). */
function rest([a, b, c, d], share) {
  const [ab, bc, cd] = [mixed(a, b, share), mixed(b, c, share), mixed(c, d, share)];
  const [abc, bcd] = [mixed(ab, bc, share), mixed(bc, cd, share)];
  return [mixed(abc, bcd, share), bcd, cd, d];
}
/** A line without its beginning inside a rectangle; null if nothing is left. */
function without(points, box) {
  let last = points.length - 1; // the last joint that lies inside
  while (last >= 0 && !inside(points[last], box)) last -= 3;
  if (last < 0) return points;
  if (last === points.length - 1) return null;
  const curve = points.slice(last, last + 4);
  let [low, high] = [0, 1]; // parameters inside and outside
  for (let i = 0; i < 12; i++) {
    const half = (low + high) / 2;
    if (inside(rest(curve, half)[0], box)) low = half;
    else high = half;
  }
  return [...rest(curve, high), ...points.slice(last + 4)];
}
/** Move the start of a line, and the straight piece that it is on, with its box; at most the first half of the line. */
function follow(points, before, moved) {
  for (const axis of [0, 1]) {
    for (let i = 0; i < points.length / 2 && Math.abs(before[i][axis] - before[0][axis]) < 0.5; i++) {
      points[i][axis] = before[0][axis] + moved[axis];
    }
  }
}
const tenths = number => Math.round(number * 10) / 10;
const written = points => points.map(([x, y]) => `${tenths(x)},${tenths(y)}`).join(" ");

/** The corners of the arrowhead of a line. */
function headed(points, length = 5) {
  const [x, y] = points[points.length - 1];
  const [fromX, fromY] = points.findLast(point => Math.hypot(point[0] - x, point[1] - y) > 0.1) || [x, y + 1];
  const far = Math.hypot(x - fromX, y - fromY);
  const [right, down] = [((x - fromX) * length) / far, ((y - fromY) * length) / far];
  return [[x - right + 0.35 * down, y - down - 0.35 * right], [x, y], [x - right - 0.35 * down, y - down + 0.35 * right]];
}
