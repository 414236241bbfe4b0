// Folding: which time steps and modules are closed, and the picture laid out anew around what is left.

const columns = [...new Set(Object.values(story.columns))].filter(id => frames.has(id));
columns.sort((a, b) => frames.get(a).low - frames.get(b).low);
const FOLDED = 34; // the width of a folded time step
const RUN = 4; // so many folded steps side by side are one run of thin bars, with one label
const RUN_WIDTH = 260;
const TITLE = 24; // the height below a run's bars for its label
const CLOSED = { height: 36, least: 66 }; // the size of a closed module
const MANY = 12; // of more columns than these, only the first three and the last are open at first
const MARGIN = 6; // around what stays to be seen
const MOTION = 320; // milliseconds

const folded = new Set(); // ids of columns' frames
const closed = new Set(); // modules, as JSON text of their names
const covers = draw("g", { class: "covers" });
const startsWith = (names, module) => module.every((part, i) => names[i] === part);
const isClosed = names => [...closed].some(text => startsWith(names, JSON.parse(text)));
const inColumn = box => frames.has(story.columns[box.name]);
const ceiling = Math.min(...columns.map(id => frames.get(id).top));
const floor = Math.max(...columns.map(id => frames.get(id).bottom));

// What stands in one column is moved as one, so that a click costs little however many columns there are.
const groups = new Map(columns.map(id => [id, ["frames", "lines", "boxes"].map(kind => draw("g", { class: `column ${kind}` }))]));
const homeOf = ({ ends: [tail, head] }) => (story.columns[tail] === story.columns[head] && groups.has(story.columns[tail]) ? story.columns[tail] : null);
for (const [kind, item] of [...frames.values()].map(frame => [0, frame]).concat(lines.map(line => [1, line]), [...boxes.values()].map(box => [2, box]))) {
  const column = kind === 0 ? story.frames[item.id]?.column || item.id : kind === 1 ? homeOf(item) : story.columns[item.name];
  item.column = groups.has(column) ? column : null;
  if (item.column) groups.get(column)[kind].append(item.group);
}
const firstLine = root.querySelector(":scope > g.edge") || root.querySelector(":scope > g.node");
for (const [around, within, on] of groups.values()) {
  firstLine?.before(around, within);
  root.append(on);
}
root.append(covers);
const origin = svg.getScreenCTM().inverse().multiply(root.getScreenCTM()); // the picture's group is moved within it

// -- the arrangement: what is hidden, what covers it, and where everything goes ----------------------------------------------

/** Folded columns side by side: [[id, ...], ...]. */
function runs() {
  const found = [];
  columns.forEach((id, i) => {
    if (!folded.has(id)) return;
    if (i && folded.has(columns[i - 1])) found[found.length - 1].push(id);
    else found.push([id]);
  });
  return found;
}

/** Covers: { key, low, high, top, bottom: before anything moves, words, bars: the columns of a run, module }. */
function findCovers() {
  const found = runs().map(ids => {
    const [first, last] = [frames.get(ids[0]), frames.get(ids[ids.length - 1])];
    const words = ids.length < RUN ? "" : `${first.title} … ${last.title.replace(/^.*= /, "")}`;
    return { key: ids[0], low: first.low, high: last.high, top: first.top, bottom: first.bottom, words, bars: ids };
  });
  for (const [id, { column, module }] of Object.entries(story.frames)) {
    const text = JSON.stringify(module);
    if (folded.has(column) || !closed.has(text) || isClosed(module.slice(0, -1))) continue;
    const { low, high, top: from, bottom: to, title } = frames.get(id);
    found.push({ key: id, low, high, top: from, bottom: to, words: title, module, column });
  }
  return found;
}

/** The cover of each box that is out of sight. */
function findHidden(found) {
  const hidden = new Map();
  const steps = new Map(found.flatMap(cover => (cover.bars || []).map(id => [id, cover])));
  const modules = found.filter(cover => cover.module);
  for (const name of boxes.keys()) {
    const column = story.columns[name];
    const names = story.modules[name] || [];
    const cover = steps.get(column) || modules.find(other => other.column === column && startsWith(names, other.module));
    if (cover) hidden.set(name, cover);
  }
  return hidden;
}

function arrangement() {
  const found = findCovers();
  const hidden = findHidden(found);
  const modules = found.filter(cover => cover.module);
  const seen = [...boxes.values()].filter(box => inColumn(box) && !hidden.has(box.name));
  const tall = new Map(modules.map(({ top: low, bottom: high }) => [`${low} ${high}`, { low, high, size: CLOSED.height }]));
  const rows = new Map(seen.map(({ y, height }) => [`${y} ${height}`, [y - height / 2 - MARGIN, y + height / 2 + MARGIN]]));
  const across = found.filter(cover => cover.bars).flatMap(({ bars }) => {
    const width = Math.min(FOLDED, RUN_WIDTH / bars.length);
    return bars.map((id, i) => {
      const end = i + 1 < bars.length ? frames.get(bars[i + 1]).low : frames.get(id).high;
      return { low: frames.get(id).low, high: end, factor: Math.min(width / (end - frames.get(id).low), 1) };
    });
  });
  const alone = new Set(); // columns in which boxes that are one above the other take the middle
  for (const column of new Set(modules.map(cover => cover.column))) {
    const left = seen.filter(box => story.columns[box.name] === column);
    const single = new Set(left.map(box => box.y)).size === left.length;
    if (single) alone.add(column);
    const wide = modules.filter(cover => cover.column === column).map(({ low, high, words }) => ({ low, high, size: Math.max(CLOSED.least, 7 * words.length + 24, ...(single ? left.map(box => box.width) : [])) }));
    across.push(...shrink(wide, single ? [] : left.map(({ x, width }) => [x - width / 2 - MARGIN, x + width / 2 + MARGIN])));
  }
  across.sort((a, b) => a.low - b.low);
  const down = shrink([...tall.values()], [...rows.values()]);
  return { covers: found, hidden, alone, X: squeezer(across), Y: squeezer(down), looks: JSON.stringify([[...closed].sort(), down]) };
}

// -- drawing an arrangement ---------------------------------------------------------------------------------------------

/** How far each box that is not hidden has to move. Those beside, above and below the columns keep clear of each other. */
function findMoves({ X, Y, hidden, alone }) {
  const moves = new Map();
  const beside = []; // stacks of boxes to the left and between the columns, and rows above and below them
  for (const box of boxes.values()) {
    if (hidden.has(box.name) || box.legend) continue;
    const column = frames.get(story.columns[box.name]);
    const aim = column && alone?.has(column.id) ? (X(column.low) + X(column.high)) / 2 : X(box.x);
    moves.set(box.name, [aim - box.x, Y(box.y) - box.y]);
    if (column) continue;
    const stacked = box.x < frames.get(columns[0]).low || (ceiling < box.y && box.y < floor);
    const [axis, low, high] = stacked ? ["x", box.x - box.width / 2, box.x + box.width / 2] : ["y", box.y, box.y];
    const group = beside.find(other => other.axis === axis && low <= other.high && other.low <= high);
    const item = { box, wish: stacked ? Y(box.y) : X(box.x), size: stacked ? box.height : box.width };
    if (group) Object.assign(group, { low: Math.min(low, group.low), high: Math.max(high, group.high), items: [...group.items, item] });
    else beside.push({ axis, low, high, items: [item] });
  }
  for (const { axis, items } of beside) {
    items.sort((a, b) => a.wish - b.wish);
    spread(items, 10).forEach((at, i) => {
      const { box } = items[i];
      moves.get(box.name)[axis === "x" ? 1 : 0] = at - (axis === "x" ? box.y : box.x);
    });
  }
  moveLegend(moves, Y);
  return moves;
}
/** The legend stays below everything. */
function moveLegend(moves, Y) {
  const legend = [...boxes.values()].filter(box => box.legend);
  const lowest = Math.max(Y(floor), ...[...moves].map(([name, [, down]]) => boxes.get(name).y + down + boxes.get(name).height / 2));
  const before = Math.max(floor, ...[...moves.keys()].map(name => boxes.get(name).y + boxes.get(name).height / 2));
  for (const { name } of legend) moves.set(name, [0, lowest - before]);
}
/** All of what is to be seen: x, y, width and height. */
function extent(moves, { X, Y }) {
  const parts = [[X(frames.get(columns[0]).low), Y(ceiling)], [X(Math.max(...columns.map(id => frames.get(id).high))), Y(floor)]];
  for (const [name, [right, down]] of moves) {
    const { x, y, width, height } = boxes.get(name);
    parts.push([x + right - width / 2, y + down - height / 2], [x + right + width / 2, y + down + height / 2]);
  }
  const [xs, ys] = [parts.map(([x]) => x), parts.map(([, y]) => y)];
  const [low, high] = [Math.min(...xs), Math.min(...ys)];
  return [low + origin.e - 8, high + origin.f - 8, Math.max(...xs) - low + 16, Math.max(...ys) - high + 16];
}

/** How far a column is moved to the right. */
const movedBy = (column, { X }) => (column ? X(frames.get(column).low) - frames.get(column).low : 0);

function shiftBy(group, [right, down]) {
  const transform = Math.abs(right) + Math.abs(down) < 0.02 ? null : `translate(${right.toFixed(1)} ${down.toFixed(1)})`;
  if (group.getAttribute("transform") === transform) return;
  if (transform) group.setAttribute("transform", transform);
  else group.removeAttribute("transform");
}

/** The corners of a line, with its ends where their boxes have gone and clear of covers; null if nothing is to be seen. */
function rerouted(line, { X, Y, hidden }, moves) {
  let points = line.corners.map(([x, y]) => [X(x), Y(y)]);
  const follow = (end, next, name) => { // an end goes with its box, and takes along the piece of the line that it is on
    const box = boxes.get(name);
    const moved = moves.get(name);
    if (!box || !moved) return;
    const [x, y] = line.corners.at(end);
    const goal = [x + moved[0], y + moved[1]];
    if (!line.climbs && points.length > 2) {
      if (Math.abs(y - line.corners.at(next)[1]) < 0.5) points.at(next)[1] = goal[1];
      if (Math.abs(x - line.corners.at(next)[0]) < 0.5) points.at(next)[0] = goal[0];
    }
    points[end < 0 ? points.length + end : end] = goal;
  };
  follow(0, 1, line.ends[0]);
  follow(-1, -2, line.ends[1]);
  const [from, to] = line.ends.map(name => hidden.get(name));
  if (from) points = without(points, seenRectangle(from, X, Y));
  if (points && to) points = without(points.reverse(), seenRectangle(to, X, Y))?.reverse();
  return points;
}
const seenRectangle = (cover, X, Y) => ({
  low: X(cover.low), high: X(cover.high), top: Y(cover.top), bottom: Y(cover.bottom) - (cover.bars && cover.words ? TITLE : 0),
});

function drawLine(line, now, moves) {
  if (!line.corners.length) return;
  const aside = movedBy(line.column, now);
  const points = rerouted(line, now, moves)?.map(([x, y]) => [x - aside, y]);
  line.group.classList.toggle("hidden", !points);
  if (!points) return;
  const by = points.map(([x, y], i) => (line.corners[i] ? [x - line.corners[i][0], y - line.corners[i][1]] : [NaN, NaN]));
  const rigid = by.length === line.corners.length && by.every(([x, y]) => Math.abs(x - by[0][0]) + Math.abs(y - by[0][1]) < 0.05);
  shiftBy(line.group, rigid ? by[0] : [0, 0]);
  if (!rigid || line.bent) {
    const { tip, line: shaft } = headed(points, line.climbs);
    line.path.setAttribute("d", rigid ? line.form : (line.climbs ? swung : straight)(line.tip ? shaft : points));
    if (line.tip) line.tip.setAttribute("points", rigid ? line.tipForm : written(tip));
    line.bent = !rigid;
  }
  for (const { text, x, y } of line.labels) {
    const at = [now.X(x) - aside, now.Y(y)];
    text.setAttribute("x", rigid ? x : at[0]);
    text.setAttribute("y", rigid ? y : at[1]);
    text.classList.toggle("hidden", line.ends.some(name => now.hidden.has(name)));
  }
}

/** Of the lines between the same two parts of the picture one is enough, if one of the parts is a cover. */
function drawLines(now, moves, unchanged) {
  const drawn = new Set();
  for (const line of lines) {
    if (unchanged.has(line.column)) continue;
    const [from, to] = line.ends.map(name => now.hidden.get(name));
    const way = from || to ? line.ends.map((name, i) => ([from, to][i]?.key || name)).join("|") : "";
    const superfluous = (from && from === to) || (way && drawn.has(way));
    line.group.classList.toggle("hidden", Boolean(superfluous));
    if (superfluous) continue;
    if (way) drawn.add(way);
    drawLine(line, now, moves);
  }
}

function drawFrames({ X, Y, covers: found }, unchanged) {
  const inside = new Set(found.flatMap(cover => cover.bars || [cover.key]));
  for (const { id, column, group, shape, low, high, top: from, bottom: to, texts } of frames.values()) {
    if (unchanged.has(column)) continue;
    const module = story.frames[id];
    const aside = movedBy(column, { X });
    const gone = inside.has(id) || (module && (folded.has(module.column) || isClosed(module.module)));
    group.classList.toggle("hidden", Boolean(gone));
    if (gone || shape.tagName !== "path") continue;
    const [x, y, width, height] = [X(low) - aside, Y(from), X(high) - X(low), Y(to) - Y(from)];
    const r = Math.min(12, width / 2, height / 2);
    shape.setAttribute("d", `M${x + r},${y}h${width - 2 * r}q${r},0 ${r},${r}v${height - 2 * r}q0,${r} ${-r},${r}h${2 * r - width}q${-r},0 ${-r},${-r}v${2 * r - height}q0,${-r} ${r},${-r}z`);
    const by = module ? [X(low) - aside - low, Y(from) - from] : [X((low + high) / 2) - aside - (low + high) / 2, Y(to) - to];
    for (const { text, x: at, y: down } of texts) {
      text.setAttribute("x", at + by[0]);
      text.setAttribute("y", down + by[1]);
    }
  }
}

function drawCover(cover, { X, Y }) {
  const { low, high, top: from, bottom: to } = seenRectangle(cover, X, Y);
  if (cover.module) {
    covers.append(coverOf(low, from, high - low, to - from, cover.words, false, () => toggleModule(cover.module), `${cover.module.join(".")}, closed`));
    return;
  }
  for (const id of cover.bars) {
    const { low: left, high: right, title } = frames.get(id);
    const bar = coverOf(X(left), from, X(right) - X(left), to - from, cover.words ? "" : title, true, () => toggleStep(id), `${title}, folded`);
    bar.dataset.cover = id;
    covers.append(bar);
  }
  if (cover.words) covers.append(draw("text", { class: "run", x: (low + high) / 2, y: to + TITLE - 9 }, cover.words));
}
function coverOf(low, from, width, height, words, upright, act, told) {
  const group = draw("g", { class: "cover" });
  const [x, y] = [low + width / 2, from + height / 2];
  const room = width - 1 > 2 ? 0.5 : 0;
  group.append(draw("rect", { x: low + room, y: from, width: Math.max(width - 2 * room, 0.5), height, rx: Math.min(10, width / 3) }));
  if (words && width > 14) group.append(draw("text", { x, y: y + 4, ...(upright ? { transform: `rotate(-90 ${x} ${y})` } : {}) }, words));
  group.addEventListener("click", () => { if (!dragged) act(); });
  group.addEventListener("pointerenter", () => tellOf(group.getBoundingClientRect(), { "": told, "to open": "click" }));
  group.addEventListener("pointerleave", hush);
  return group;
}

const painted = new Map(); // what each column looked like when it was painted last
/** The columns that look as they did before, wherever they have gone. */
function findUnchanged({ looks, moving }) {
  const same = new Set();
  for (const id of columns) {
    const now = moving ? moving : folded.has(id) ? "folded" : looks;
    if (painted.get(id) === now) same.add(id);
    painted.set(id, now);
  }
  return same;
}

function paint(now) {
  const moves = findMoves(now);
  const unchanged = findUnchanged(now);
  for (const [id, parts] of groups) for (const group of parts) shiftBy(group, [movedBy(id, now), 0]);
  for (const [name, [right, down]] of moves) boxes.get(name).at = [boxes.get(name).x + right, boxes.get(name).y + down];
  for (const [name, { group, column }] of boxes) {
    if (unchanged.has(column)) continue;
    group.classList.toggle("hidden", now.hidden.has(name));
    const [right, down] = moves.get(name) || [0, 0];
    if (moves.has(name)) shiftBy(group, [right - movedBy(column, now), down]);
  }
  drawLines(now, moves, unchanged);
  drawFrames(now, unchanged);
  covers.replaceChildren();
  for (const cover of now.covers) drawCover(cover, now);
  home = extent(moves, now);
}

const FAR = 0.3; // words of a long picture are left out when they are drawn smaller than this
/** Of a long picture only the columns in sight are drawn, or all of them without their words. */
function cull() {
  if (boxes.size <= LIVELY || !current) return;
  const scale = Math.min(room[0] / view.width, room[1] / view.height);
  const reach = room[0] / scale; // half a window on either side is ready to be moved into sight
  svg.classList.toggle("far", scale < FAR);
  for (const [id, parts] of groups) {
    const [low, high] = [current.X(frames.get(id).low), current.X(frames.get(id).high)].map(x => x + origin.e - view.x - view.width / 2);
    const away = folded.has(id) || high < -reach || low > reach;
    if (parts[0].classList.contains("away") !== away) for (const part of parts) part.classList.toggle("away", away);
  }
}

// -- changing it ----------------------------------------------------------------------------------------------------------

let current = null; // the arrangement that is seen
let turning = 0; // which change is the latest

/** Go over to the arrangement that is wanted now. What lies at a point, if one is given, stays where it is seen. */
function arrange(kept = null) {
  if (!columns.length) return;
  hush();
  const [before, after] = [current, arrangement()];
  const moving = before && !calm.matches && boxes.size <= LIVELY;
  const turn = ++turning;
  const seen = [view.x, view.y, view.width, view.height];
  if (kept && before && boxes.size > LIVELY) fitted = false; // a long picture stays where it is, but for what was clicked
  const settle = (X, Y) => {
    if (fitted) show(...home);
    else if (kept && before) show(seen[0] + X(kept[0]) - before.X(kept[0]), seen[1] + Y(kept[1]) - before.Y(kept[1]), seen[2], seen[3]);
  };
  current = after;
  markButtons();
  if (!moving) {
    paint(after);
    settle(after.X, after.Y);
    cull();
    stage();
    return;
  }
  // While it moves, all that was or will be covered is covered.
  const keys = new Set(after.covers.map(cover => cover.key));
  const both = [...after.covers, ...before.covers.filter(cover => !keys.has(cover.key))];
  const start = performance.now();
  const wasFitted = fitted;
  const frame = time => {
    if (turn !== turning) return;
    const share = Math.min(Math.max((time - start) / MOTION, 0), 1);
    const eased = share * share * (3 - 2 * share);
    if (share === 1) paint(after);
    else paint({ covers: both, hidden: new Map([...before.hidden, ...after.hidden]), alone: new Set(), moving: share, X: between(before.X, after.X, eased), Y: between(before.Y, after.Y, eased) });
    if (wasFitted && fitted) show(...seen.map((value, i) => value + (home[i] - value) * (share === 1 ? 1 : eased)));
    else settle(between(before.X, after.X, eased), between(before.Y, after.Y, eased));
    if (share < 1) requestAnimationFrame(frame);
    else stage();
  };
  requestAnimationFrame(frame);
}

const flip = (set, item) => { if (!set.delete(item)) set.add(item); };
function toggleStep(id) {
  flip(folded, id);
  arrange([frames.get(id).low, ceiling]);
}
/** Close or open a module in all steps; its frame of this id, or one that is not folded, stays where it is. */
function toggleModule(names, id = null) {
  const text = JSON.stringify(names);
  flip(closed, text);
  const frame = frames.get(id ?? Object.keys(story.frames).find(other => JSON.stringify(story.frames[other].module) === text && !folded.has(story.frames[other].column)));
  arrange(frame ? [frame.low, frame.top] : null);
}

function markButtons() {
  for (const button of document.querySelectorAll("[data-step]")) button.setAttribute("aria-expanded", String(!folded.has(button.dataset.step)));
  for (const button of document.querySelectorAll("[data-module]")) button.setAttribute("aria-expanded", String(!closed.has(button.dataset.module)));
}
function chip(parent, words, told, attribute, value, act) {
  const button = make("button", { type: "button", "aria-label": told, [attribute]: value, tabindex: byId(parent).children.length ? -1 : 0 }, words);
  button.addEventListener("click", act);
  byId(parent).append(button);
}
/** In a row of chips the arrow keys go from one to the next, and Tab leaves it. */
function rove(row) {
  row.addEventListener("keydown", event => {
    const chips = [...row.children];
    const at = chips.indexOf(document.activeElement);
    const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: chips.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    chips[at].tabIndex = -1;
    const next = chips[(to + chips.length) % chips.length];
    next.tabIndex = 0;
    next.focus();
  });
}

byId("fold-all").addEventListener("click", () => { columns.forEach(id => folded.add(id)); arrange(); });
byId("unfold-all").addEventListener("click", () => { folded.clear(); arrange(); });
for (const id of columns) {
  const { group, title } = frames.get(id);
  chip("steps", title.replace(/^t = /, ""), title, "data-step", id, () => toggleStep(id));
  group.addEventListener("click", () => { if (!dragged) toggleStep(id); });
}
const known = new Set();
for (const [id, { module }] of Object.entries(story.frames)) {
  frames.get(id).group.addEventListener("click", event => {
    event.stopPropagation();
    if (!dragged) toggleModule(module, id);
  });
  const text = JSON.stringify(module);
  if (!known.has(text)) chip("modules", module.join("."), `module ${module.join(".")}`, "data-module", text, () => toggleModule(module));
  known.add(text);
}
rove(byId("steps"));
rove(byId("modules"));
byId("steps-section").hidden = !columns.length;
byId("modules-section").hidden = !known.size;
if (columns.length > MANY) columns.slice(3, -1).forEach(id => folded.add(id));
