// The arrangement: what is hidden, what covers it, and the maps from original to current coordinates.

const FOLDED = 34; // the width of a folded time step
const RUN = 4; // at least this many adjacent folded steps form a run of thin bars with one label
const RUN_WIDTH = 260;
const CLOSED = { height: 36, least: 66 }; // the size of a closed module
const MARGIN = 6; // of space around visible boxes

/** Columns with boxes between them and the column before, as between an encoder and its decoder, -> the width of that gap. */
const gaps = new Map(columns.slice(1).flatMap((id, i) => {
  const [left, right] = [frames.get(columns[i]).high, frames.get(id).low];
  const lies = ({ column, legend, x, y }) => !column && !legend && left < x && x < right && ceiling < y && y < floor;
  return [...boxes.values()].some(lies) ? [[id, right - left]] : [];
}));
/** Runs of adjacent folded columns, with no box in between: [[id, ...], ...]. */
function runs() {
  const found = [];
  columns.forEach((id, i) => {
    if (!folded.has(id)) return;
    if (i && folded.has(columns[i - 1]) && !gaps.has(id)) found[found.length - 1].push(id);
    else found.push([id]);
  });
  return found;
}

/**
 * Covers: { key, low, high, top, bottom: in original coordinates, words, bars: the columns of a run, module, leading: the box
 * that a module takes its colours from }. Each nest gets the one that hides it.
 */
function findCovers() {
  const found = runs().map(ids => {
    const [first, last] = [frames.get(ids[0]), frames.get(ids[ids.length - 1])];
    const words = ids.length < RUN ? "" : `${first.title} … ${last.title.replace(/^.*= /, "")}`;
    return { key: ids[0], low: first.low, high: last.high, top: first.top, bottom: first.bottom, words, bars: ids };
  });
  const bars = new Map(found.flatMap(cover => cover.bars.map(id => [id, cover])));
  for (const nest of nests) { // the outer ones first
    nest.cover = nest.parent?.cover ?? bars.get(nest.id) ?? null;
    if (nest.cover || !closed.has(JSON.stringify(nest.module))) continue;
    const { id: key, low, high, top: from, bottom: to, module, column, title } = nest;
    const words = title.endsWith("…") ? module.at(-1) : title; // a cover has room for more than its frame's title had
    nest.cover = { key, low, high, top: from, bottom: to, words, module, column };
    found.push(nest.cover);
  }
  for (const box of boxes.values()) { // the last state of a module, or else its last box
    const cover = coverOver(box.name);
    if (cover && (box.group.matches(".state") || !cover.leading?.group.matches(".state"))) cover.leading = box;
  }
  return found;
}
/** The cover that hides a box, if any. */
const coverOver = name => boxes.get(name)?.nest?.cover ?? null;

/** The width of a bar: narrow, unless all steps are folded, which then fill the window. */
function barWidth(count) {
  const narrow = Math.min(FOLDED, RUN_WIDTH / count);
  if (folded.size < columns.length) return narrow;
  const [high, between] = [whole[3], [...gaps.values()].reduce((sum, gap) => sum + gap, 0)];
  const wide = frames.get(columns.at(-1)).high - frames.get(columns[0]).low - between; // the part that becomes bars
  return Math.max(((room[0] / room[1]) * high - (whole[2] - wide)) / columns.length, narrow);
}
/** The folds of x that become bars: folded columns, with the gaps between them. */
const barFolds = ({ bars }) => bars.map((id, i) => {
  const { low, high } = frames.get(id);
  return { low, high: bars[i + 1] ? frames.get(bars[i + 1]).low : high, size: barWidth(bars.length) };
});
/** The folds of x that become closed modules, at least as wide as some boxes. */
const moduleFolds = (modules, left) => modules.map(({ low, high, words }) =>
  ({ low, high, size: Math.max(CLOSED.least, 7 * words.length + 24, ...left.map(box => box.width)) }));
const around = (middle, length) => [middle - length / 2 - MARGIN, middle + length / 2 + MARGIN];

/**
 * The current arrangement: covers, the columns whose boxes are centred because no two are side by side, the maps X and Y,
 * and a key for the look of columns that are not folded.
 */
function arrangement() {
  const found = findCovers();
  const modules = found.filter(cover => cover.module);
  const seen = [...boxes.values()].filter(box => box.column && !coverOver(box.name));
  const across = found.filter(cover => cover.bars).flatMap(cover => shrink(barFolds(cover), []));
  const alone = new Set();
  for (const column of new Set(modules.map(cover => cover.column))) {
    const own = modules.filter(cover => cover.column === column);
    const left = seen.filter(box => box.column === column);
    if (new Set(left.map(box => box.y)).size === left.length) {
      alone.add(column);
      across.push(...shrink(moduleFolds(own, left), []));
    } else across.push(...shrink(moduleFolds(own, []), left.map(({ x, width }) => around(x, width))));
  }
  across.sort((a, b) => a.low - b.low);
  const tall = new Map(modules.map(({ top: low, bottom: high }) => [`${low} ${high}`, { low, high, size: CLOSED.height }]));
  const rows = new Map(seen.map(({ y, height }) => [`${y} ${height}`, around(y, height)]));
  const down = shrink([...tall.values()], [...rows.values()]);
  const looks = closed.size ? JSON.stringify([[...closed].sort(), down]) : ALL_OPEN;
  return { covers: found, alone, X: squeezer(across), Y: squeezer(down), looks };
}
