// Where things go when parts of the picture are folded: an x goes to X(x) and a y to Y(y), the same for all of the picture.
// Both only ever shrink what lies in a fold and has nothing in it that is still to be seen.

/** The map that shrinks spans, [{ low, high, factor }] in order and apart, and moves what comes after them. */
function squeezer(spans) {
  const lost = [0];
  for (const { low, high, factor } of spans) lost.push(lost[lost.length - 1] + (high - low) * (1 - factor));
  return at => {
    let [first, last] = [0, spans.length]; // how many spans begin before it, by halving
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
const between = (before, after, share) => at => before(at) * (1 - share) + after(at) * share;
const still = at => at;

/** The spans that bring folds, [{ low, high, size }], down to their sizes, but for what is solid, [[low, high]]. */
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

/** Places in a row, in order, as near to the wishes as sizes allow: [{ wish, size }] -> numbers (isotonic regression). */
function spread(items, gap) {
  const offsets = [0];
  for (let i = 1; i < items.length; i++) offsets.push(offsets[i - 1] + (items[i - 1].size + items[i].size) / 2 + gap);
  const pools = [];
  items.forEach(({ wish }, i) => {
    pools.push([wish - offsets[i], 1]);
    while (pools.length > 1 && pools[pools.length - 2][0] > pools[pools.length - 1][0]) {
      const [[last, n], [first, m]] = [pools.pop(), pools.pop()];
      pools.push([(first * m + last * n) / (m + n), m + n]);
    }
  });
  return pools.flatMap(([at, count]) => Array(count).fill(at)).map((at, i) => at + offsets[i]);
}

// -- lines ------------------------------------------------------------------------------------------------------------

const inside = ([x, y], { low, high, top, bottom }) => low <= x && x <= high && top <= y && y <= bottom;

/** A way without what it has inside of a rectangle at its beginning; null if there is nothing else. */
function without(points, box) {
  const last = points.findLastIndex(point => inside(point, box));
  if (last < 0) return points;
  if (last === points.length - 1) return null;
  const [[x, y], [toX, toY]] = [points[last], points[last + 1]];
  const shares = [toX > box.high ? (box.high - x) / (toX - x) : 1, toX < box.low ? (box.low - x) / (toX - x) : 1];
  shares.push(toY > box.bottom ? (box.bottom - y) / (toY - y) : 1, toY < box.top ? (box.top - y) / (toY - y) : 1);
  const share = Math.min(...shares);
  return [[x + (toX - x) * share, y + (toY - y) * share], ...points.slice(last + 1)];
}
const toward = ([x, y], [toX, toY], distance) => {
  const length = Math.hypot(toX - x, toY - y);
  return length > distance ? [x + ((toX - x) * distance) / length, y + ((toY - y) * distance) / length] : [toX, toY];
};
const written = points => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

/** The path of a line around rounded corners. */
function straight(points, radius = 7) {
  let form = `M${written(points.slice(0, 1))}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [before, corner, after] = points.slice(i - 1, i + 2);
    const half = end => Math.min(radius, Math.hypot(end[0] - corner[0], end[1] - corner[1]) / 2);
    form += `L${written([toward(corner, before, half(before))])}Q${written([corner, toward(corner, after, half(after))])}`;
  }
  return `${form}L${written(points.slice(-1))}`;
}
/** The path of a line that swings up from point to point. */
function swung(points) {
  let form = `M${written(points.slice(0, 1))}`;
  for (let i = 1; i < points.length; i++) {
    const [[x, y], [toX, toY]] = [points[i - 1], points[i]];
    form += `C${written([[x, (y + toY) / 2], [toX, (y + toY) / 2], [toX, toY]])}`;
  }
  return form;
}
/** The corners of an arrowhead at the end of a line, and the line up to it. */
function headed(points, climbs, length = 5) {
  const [x, y] = points[points.length - 1];
  const [fromX, fromY] = climbs ? [x, y + 1] : points[points.length - 2];
  const [baseX, baseY] = climbs ? [x, y + length] : toward([x, y], [fromX, fromY], length);
  const [acrossX, acrossY] = [(y - baseY) * 0.35, (baseX - x) * 0.35];
  return {
    tip: [[baseX + acrossX, baseY + acrossY], [x, y], [baseX - acrossX, baseY - acrossY]],
    line: [...points.slice(0, -1), [baseX, baseY]],
  };
}
