// The picture on paper: as many sheets as letters that can be read need, cut where nothing is, and below them the legend.

const SHEET = { wide: [980, 650], tall: [718, 910] }; // pixels, on both A4 and Letter, with room for the heading and a label
const EDGE = 3; // points of the picture around a cut
const MOST_SHEETS = 12; // for more, the middle of a sequence is folded
const LARGEST = 1.6; // times the letters that can just be read

/** The rectangles of what is visible: { part, sides: [[left, right], [top, bottom]] in points of the picture }. */
function inked() {
  const { a: scale, e: left, f: top } = camera.getScreenCTM();
  const along = (from, ...ends) => ends.map(end => (end - from) / scale);
  return [...root.querySelectorAll("text, .node, .cluster, .cover")].flatMap(part => {
    const { left: low, right: high, top: up, bottom: down, width, height } = part.getBoundingClientRect();
    const sides = [along(left, low, high), along(top, up, down)];
    return width && height && sides[1][1] > home[1] ? [{ part, sides }] : []; // hidden parts are far above
  });
}
const isLegend = ({ part }) => Boolean(part.closest('[id^="legend"]'));
const ends = (parts, axis) => [Math.min(...parts.map(({ sides }) => sides[axis][0])) - EDGE, Math.max(...parts.map(({ sides }) => sides[axis][1])) + EDGE];

/** The pieces of an axis, none longer than that: cut through as few of some stretches as can be, and late. */
function pieces([start, end], most, stretches) {
  const found = [start];
  while (end - found.at(-1) > most) {
    const [least, limit] = [found.at(-1) + most / 3, found.at(-1) + most];
    const crossed = at => stretches.filter(([low, high]) => low < at && at < high).length;
    const cuts = new Set(stretches.map(([, high]) => Math.ceil(high) + EDGE).filter(at => least < at && at <= limit));
    const ranked = [...cuts].map(at => [crossed(at), at]).sort(([one, near], [other, far]) => one - other || far - near);
    found.push(ranked[0]?.[1] ?? limit);
  }
  return found.map((low, i) => [low, found[i + 1] ?? end]);
}
/** Some parts on sheets: view boxes, one strip of the picture after the other. */
function cut(parts, [wide, high], [widest, highest]) {
  return pieces(wide, widest, parts.map(({ sides }) => sides[0])).flatMap(([left, right]) => {
    const inside = parts.map(({ sides }) => sides).filter(([[low, far]]) => low < right && far > left);
    return pieces(high, highest, inside.map(sides => sides[1])).map(([top, bottom]) => [left, top, right - left, bottom - top]);
  });
}
/** The sheets, and whether they are upright: whichever needs fewer; and those of the legend. */
function sheets() {
  const parts = inked();
  const [legend, others] = [parts.filter(isLegend), parts.filter(part => !isLegend(part))];
  const bottom = legend.length ? ends(others, 1)[1] + EDGE : home[1] + home[3];
  const ways = Object.entries(SHEET).map(([way, sides]) => {
    const size = sides.map(side => side / LEGIBLE);
    const boxes = cut(others, [[home[0], home[0] + home[2]], [home[1], bottom]], size);
    return { way, boxes, key: legend.length ? cut(legend, [ends(legend, 0), ends(legend, 1)], size) : [] };
  });
  const count = ({ boxes, key }) => boxes.length + key.length;
  return ways.reduce((best, other) => (count(other) < count(best) ? other : best));
}

/** How many columns can be open on so many sheets. */
function mostOpen() {
  const [widest, highest] = SHEET.wide.map(side => side / LEGIBLE);
  const pitch = (frames.get(columns.at(-1)).low - frames.get(columns[0]).low) / (columns.length - 1);
  const strips = Math.ceil((floor - ceiling) / highest);
  return Math.max(Math.floor(MOST_SHEETS / strips) * Math.max(Math.floor(widest / pitch), 1) - 2, 4); // what is beside them needs room, too
}
let shortened = []; // the columns that are folded on paper only
/** Fold columns that are too many for paper, except for the first ones, the current one and the last; or open them again. */
function shorten(begins) {
  if (!columns.length) return;
  const open = columns.filter(id => !folded.has(id));
  const lit = new Set(acting()?.boxes.map(columnOf));
  const before = shortened;
  const middle = open.slice(mostOpen() - 1, -1).filter(id => !lit.has(id));
  shortened = begins && middle.length >= RUN ? middle : [];
  if (!shortened.length && !before.length) return;
  for (const id of [...shortened, ...before]) flip(folded, id);
  arrange();
  const [first, last] = [shortened[0], shortened.at(-1)].map(id => frames.get(id)?.title);
  byId("left-out").textContent = begins ? `On paper, ${shortened.length} time steps are folded, from ${first} to ${last}. To print them, fold others first.` : "";
}

/** Whether a part of the picture, { low, high, top, bottom }, is in a view, in one axis or both. */
const meets = ([from, length], low, high) => low < from + length - 2 * EDGE && high > from + 2 * EDGE;
const isAcross = ([left, , width], { low, high }) => meets([left, width], current.X(low) + origin.e, current.X(high) + origin.e);
const isDown = ([, top, , height], { top: up, bottom }) => meets([top, height], current.Y(up) + origin.f, current.Y(bottom) + origin.f);
/** What a view shows: its time steps, and its modules if not all of their height is on it. */
function shownOn(view, isWhole) {
  const here = current ? [...frames.values()].filter(frame => isAcross(view, frame) && isDown(view, frame)) : [];
  const steps = columns.map(id => frames.get(id)).filter(frame => here.includes(frame)).map(({ title }) => title);
  const modules = isWhole ? [] : [...new Set(here.flatMap(({ id }) => story.frames[id]?.module.join(".") ?? []))];
  const innermost = modules.filter(name => !modules.some(other => other.startsWith(`${name}.`)));
  return [[...new Set([steps[0], steps.at(-1)])].filter(Boolean).join(" … "), ...innermost].filter(Boolean).join(", ");
}
/** A copy of the picture without what is hidden: a reference to it would not be styled by the state of the page. */
function copied() {
  const copy = camera.cloneNode(true);
  for (const hidden of copy.querySelectorAll(`[transform="${AWAY}"], .hidden, .away`)) hidden.remove();
  for (const element of copy.querySelectorAll("[id]")) element.removeAttribute("id");
  return copy;
}
/** Lay the picture out on paper, or take it back. */
function layOut(begins) {
  for (const sheet of document.querySelectorAll(".sheet")) sheet.remove();
  if (!begins) return;
  const { way, boxes: views, key } = sheets();
  document.body.classList.toggle("tall", way === "tall");
  const fitting = SHEET[way].map((side, axis) => side / Math.max(...views.map(view => view[2 + axis])));
  const scale = Math.max(Math.min(...fitting, LARGEST * LEGIBLE), LEGIBLE);
  const copy = copied();
  const add = (view, ...label) => {
    const sheet = draw("svg", { viewBox: view.join(" "), width: view[2] * scale, height: view[3] * scale });
    sheet.append(copy.cloneNode(true));
    for (const wrap of sheet.querySelectorAll(".wrap")) if (!isAcross(view, frames.get(wrap.dataset.column))) wrap.remove();
    picture.append(make("figure", { class: "sheet" }, sheet, make("figcaption", {}, label.filter(Boolean).join(": "))));
  };
  const isWhole = view => views.filter(([left]) => left === view[0]).length === 1;
  if (views.length < 2) add(views[0]);
  else views.forEach((view, i) => add(view, `Sheet ${i + 1} of ${views.length}`, shownOn(view, isWhole(view))));
  for (const view of key) add(view);
}
