// Drawing an arrangement: boxes, lines, frames and covers.

const TITLE = 24; // the height of the label below a run
const AWAY = "translate(0 -1e6)"; // where hidden parts are: to make them small would have their letters laid out again
const FAR = 0.3; // below this scale, text in long pictures is hidden
const AT_ONCE = { columns: Math.ceil((100 * columns.length) / boxes.size), lines: 60 }; // how many are drawn in one frame when they come into view
const late = []; // functions that draw the remaining lines
let culling = 0; // the pending animation frame that draws more

/** The displacements of visible boxes. Those outside the columns are kept apart. */
function findMoves({ X, Y, alone }) {
  const moves = new Map();
  const beside = []; // stacks of boxes left of and between columns, and rows above and below
  for (const box of boxes.values()) {
    if (coverOver(box.name) || box.legend) continue;
    const column = frames.get(box.column);
    const aim = column && alone.has(column.id) ? (X(column.low) + X(column.high)) / 2 : X(box.x);
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
/** Keep the legend below everything. */
function moveLegend(moves, Y) {
  const legend = [...boxes.values()].filter(box => box.legend);
  const lowest = Math.max(Y(floor), ...[...moves].map(([name, [, down]]) => boxes.get(name).y + down + boxes.get(name).height / 2));
  const before = Math.max(floor, ...[...moves.keys()].map(name => boxes.get(name).y + boxes.get(name).height / 2));
  for (const { name } of legend) moves.set(name, [0, lowest - before]);
}
/** The bounding box of everything visible: x, y, width and height. */
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

/** The displacement of a column. */
const movedBy = (column, { X }) => (column ? X(frames.get(column).low) - frames.get(column).low : 0);

const translation = ([right, down]) => (Math.abs(right) + Math.abs(down) < 0.02 ? null : `translate(${right.toFixed(1)} ${down.toFixed(1)})`);
function transformBy(group, transform) {
  if (group.getAttribute("transform") === transform) return;
  if (transform) group.setAttribute("transform", transform);
  else group.removeAttribute("transform");
}

/** The points of a line between the current places of its boxes, clipped at covers; null if it is hidden. */
function rerouted(line, { X, Y, moves }) {
  const before = [...line.points];
  let points = before.map(([x, y]) => [X(x), Y(y)]);
  for (const name of line.ends) {
    const moved = moves.get(name);
    if (moved) follow(points, before, moved);
    points.reverse();
    before.reverse();
  }
  for (const name of line.ends) {
    const cover = coverOver(name);
    points = (cover ? without(points, seenRectangle(cover, X, Y)) : points)?.toReversed();
    if (!points) return null;
  }
  return points;
}
const seenRectangle = (cover, X, Y) => ({
  low: X(cover.low), high: X(cover.high), top: Y(cover.top), bottom: Y(cover.bottom) - (cover.bars && cover.words ? TITLE : 0),
});

function drawLine(line, now) {
  const aside = movedBy(line.column, now);
  const points = rerouted(line, now)?.map(([x, y]) => [x - aside, y]);
  line.group.classList.toggle("hidden", !points);
  if (!points) return;
  if (line.tip) {
    const tip = headed(points);
    line.tip.setAttribute("points", written(tip));
    points[points.length - 1] = mixed(tip[0], tip[2], 0.5);
  }
  line.path.setAttribute("d", `M${written(points.slice(0, 1))}C${written(points.slice(1))}`);
  for (const { text, x, y } of line.labels) {
    setAll(text, { x: now.X(x) - aside, y: now.Y(y) });
    text.classList.toggle("hidden", line.ends.some(coverOver));
  }
}

/** Draw lines; of several between the same two parts, one of which is a cover, only the first. */
function drawLines(some, now) {
  const drawn = new Set();
  for (const line of some) {
    if (line.nest?.cover) continue;
    const [from, to] = line.ends.map(coverOver);
    const way = from || to ? line.ends.map((name, i) => ([from, to][i]?.key || name)).join("|") : "";
    const superfluous = (from && from === to) || (way && drawn.has(way));
    if (superfluous) line.group.classList.add("hidden");
    if (superfluous) continue;
    if (way) drawn.add(way);
    if (large && line.group.matches(".hidden")) late.push(() => drawLine(line, now));
    else drawLine(line, now);
  }
}

function drawFrames({ X, Y }, changed) {
  for (const { column, module, cover, shape, low, high, top: from, bottom: to, texts } of frames.values()) {
    if ((column && !changed.has(column)) || cover) continue;
    const aside = movedBy(column, { X });
    const place = { x: X(low) - aside, y: Y(from), width: X(high) - X(low), height: Y(to) - Y(from) };
    setAll(shape, place);
    const { x, y, width, height } = place;
    // Titles of modules are in the upper left corner, those of columns at the bottom centre.
    const by = module.length ? [x - low, y - from] : [x + width / 2 - (low + high) / 2, y + height - to];
    for (const { text, x: textX, y: textY } of texts) setAll(text, { x: textX + by[0], y: textY + by[1] });
  }
}

function drawCover(cover, { X, Y }) {
  const { low, high, top: y, bottom } = seenRectangle(cover, X, Y);
  const height = bottom - y;
  if (cover.module) {
    const told = `${cover.module.join(".")}, closed`;
    const act = () => toggleModule(cover.module, cover.key);
    const group = coverOf(cover.key, { x: low, y, width: high - low, height }, cover.words, told, act);
    if (cover.leading) dress(group, cover.leading);
    covers.append(group);
    return;
  }
  for (const id of cover.bars) {
    const { low: left, high: right, title } = frames.get(id);
    const place = { x: X(left), y, width: X(right) - X(left), height };
    const bar = coverOf(id, place, cover.words ? "" : title, `${title}, folded`, () => toggleStep(id), true);
    bar.dataset.cover = id;
    covers.append(bar);
  }
  if (cover.words) covers.append(draw("text", { class: "run", x: (low + high) / 2, y: bottom + TITLE - 9 }, cover.words));
}
/** A closed module has the colours of its last state, or else of its last box; `stage` shows what happens to that. */
function dress(group, leading) {
  group.dataset.leading = leading.name;
  group.classList.add("module");
  const shape = leading.group.querySelector("rect, ellipse");
  for (const name of ["fill", "stroke"]) group.firstChild.setAttribute(name, shape.getAttribute(name));
  const words = leading.group.querySelector("text");
  if (words) group.querySelector("text")?.setAttribute("fill", words.getAttribute("fill"));
}
function coverOf(key, { x, y, width, height }, words, told, act, upright = false) {
  const name = `cover-${key}`;
  const group = draw("g", { class: "cover", id: name });
  shut.set(name, { name, group, at: [x + width / 2, y + height / 2], width, height, told, open: act });
  const gap = width > 3 ? 0.5 : 0; // space on either side, to separate the bars of a run
  group.append(draw("rect", { x: x + gap, y, width: Math.max(width - 2 * gap, 0.5), height, rx: Math.min(10, width / 3) }));
  if (words && width > 14) {
    const center = [x + width / 2, y + height / 2];
    const turned = upright ? { transform: `rotate(-90 ${center.join(" ")})` } : {};
    group.append(draw("text", { x: center[0], y: center[1] + 4, ...turned }, words));
  }
  group.addEventListener("click", () => { if (!dragged) act(); });
  tellOn(group, name);
  return group;
}

/** Draw what is in a column, or in none: not only moved with it. */
function paintColumn(column, now) {
  if (column) frames.get(column).painted = now.looks;
  for (const { name, group } of contents.boxes.get(column) ?? []) {
    const [right, down] = now.moves.get(name) ?? [];
    if (down !== undefined) transformBy(group, translation([right - movedBy(column, now), down]));
  }
  drawLines(contents.lines.get(column) ?? [], now);
}

function paint(now) {
  now.moves = findMoves(now);
  for (const [name, [right, down]] of now.moves) {
    const box = boxes.get(name);
    box.at = [box.x + right, box.y + down];
  }
  for (const nest of nests) {
    const within = nest.parent?.cover; // it goes with what it is in
    const transform = nest.cover && !within ? AWAY : nest.parent ? null : translation([movedBy(nest.id, now), 0]);
    for (const group of nest.groups) transformBy(group, transform);
  }
  late.length = 0;
  paintColumn(null, now);
  const changed = columns.filter(id => !folded.has(id) && frames.get(id).painted !== now.looks);
  drawFrames(now, new Set(changed));
  if (!large) for (const id of changed) paintColumn(id, now); // in large pictures, `cull` does
  covers.replaceChildren();
  shut.clear();
  for (const cover of now.covers) drawCover(cover, now);
  home = extent(now.moves, now);
}

/** In long pictures, draw only the columns in view, or all columns without text; their frames at once, and the rest soon. */
function cull() {
  if (!large || !current) return;
  const reach = room[0] / scaleNow(); // with a margin of half a window on either side
  svg.classList.toggle("far", scaleNow() < FAR);
  const coming = []; // columns, with how far from the middle they are
  const put = ([, ...others], away) => { for (const part of others) part.classList.toggle("away", away); };
  for (const id of columns) {
    const { wraps, painted, ...frame } = frames.get(id);
    const [low, high] = [frame.low, frame.high].map(x => current.X(x) + origin.e - view.x - view.width / 2);
    const away = folded.has(id) || high < -reach || low > reach;
    wraps[0].classList.toggle("away", away);
    if (away) put(wraps, true);
    else if (wraps[1].classList.contains("away") || painted !== current.looks) coming.push([Math.abs(low + high), id]);
  }
  coming.sort(([one], [other]) => one - other);
  for (const [, id] of coming.splice(0, onPaper ? Infinity : AT_ONCE.columns)) {
    if (frames.get(id).painted !== current.looks) paintColumn(id, current);
    put(frames.get(id).wraps, false);
  }
  for (const [, id] of coming) put(frames.get(id).wraps, true); // until it is their turn
  for (const drawLate of late.splice(0, onPaper ? Infinity : AT_ONCE.lines)) drawLate();
  cancelAnimationFrame(culling);
  if (coming.length || late.length) culling = requestAnimationFrame(() => setTimeout(cull)); // after this frame
}
