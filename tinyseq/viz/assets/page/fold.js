// Folding: opening and closing steps and modules, with a transition to the new arrangement.

const MANY = 12; // with more columns than this, only the first three and the last are open at first
const MOTION = 320; // milliseconds

let current = null; // the visible arrangement
let turning = 0; // counts changes, to cancel outdated transitions

/** Change to the arrangement wanted now. If a point is given, it stays at its place on the screen. */
function arrange(kept = null) {
  if (!columns.length) return;
  hush();
  const [before, after] = [current, arrangement()];
  current = after;
  turning++;
  markButtons();
  if (kept && before && boxes.size > LIVELY) fitted = false; // a long picture does not move, except around the click
  const settle = staying(kept, before);
  if (before && !calm.matches && boxes.size <= LIVELY) turn(before, after, settle);
  else {
    paint(after);
    settle(after.X, after.Y, 1);
    stage();
  }
}
/** A function that adjusts the view: to fit the whole picture, or to keep a point at its place. */
function staying(kept, before) {
  const [x, y, width, height] = [view.x, view.y, view.width, view.height];
  return (X, Y, share) => {
    if (fitted) show(...[x, y, width, height].map((value, i) => value + (home[i] - value) * share));
    else if (kept && before) show(x + X(kept[0]) - before.X(kept[0]), y + Y(kept[1]) - before.Y(kept[1]), width, height);
    else cull();
  };
}
/** Animate from one arrangement to another, with the covers of both. */
function turn(before, after, settle) {
  const keys = new Set(after.covers.map(cover => cover.key));
  const both = {
    covers: [...after.covers, ...before.covers.filter(cover => !keys.has(cover.key))],
    hidden: new Map([...before.hidden, ...after.hidden]), moving: true,
  };
  const [from, to] = [findMoves(before), findMoves(after)];
  const moved = [...to.keys()].filter(name => from.has(name));
  const partly = share => {
    const part = name => to.get(name).map((by, axis) => from.get(name)[axis] * (1 - share) + by * share);
    return new Map(moved.map(name => [name, part(name)]));
  };
  const [mine, start] = [turning, performance.now()];
  const frame = time => {
    if (mine !== turning) return;
    const share = Math.min(Math.max((time - start) / MOTION, 0), 1);
    const eased = share * share * (3 - 2 * share);
    const [X, Y] = [between(before.X, after.X, eased), between(before.Y, after.Y, eased)];
    if (share === 1) paint(after, to);
    else paint({ ...both, X, Y }, partly(eased));
    settle(X, Y, eased);
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
/** Close or open a module in all steps. Its frame with this id, or a visible one, stays at its place. */
function toggleModule(names, id = null) {
  const text = JSON.stringify(names);
  flip(closed, text);
  const isSeen = ([, { column, module }]) => JSON.stringify(module) === text && !folded.has(column);
  const frame = frames.get(id ?? Object.entries(story.frames).find(isSeen)?.[0]);
  arrange(frame ? [frame.low, frame.top] : null);
}

function markButtons() {
  for (const [kind, shut] of [["step", folded], ["module", closed]]) {
    for (const button of document.querySelectorAll(`[data-${kind}]`)) {
      button.setAttribute("aria-expanded", String(!shut.has(button.dataset[kind])));
    }
  }
}
function chip(parent, words, told, attribute, value, act) {
  const tabindex = byId(parent).children.length ? -1 : 0;
  const button = make("button", { type: "button", "aria-label": told, [attribute]: value, tabindex }, words);
  button.addEventListener("click", act);
  byId(parent).append(button);
}
/** Arrow keys move within a row of chips, and Tab leaves it. */
function rove(row) {
  row.addEventListener("keydown", event => {
    const chips = [...row.children];
    const at = chips.indexOf(document.activeElement);
    const [back, on] = [at - 1, at + 1];
    const to = { ArrowLeft: back, ArrowUp: back, ArrowRight: on, ArrowDown: on, Home: 0, End: -1 }[event.key];
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
  const [text, words] = [JSON.stringify(module), module.join(".")];
  if (!known.has(text)) chip("modules", words, `module ${words}`, "data-module", text, () => toggleModule(module));
  known.add(text);
}
rove(byId("steps"));
rove(byId("modules"));
byId("steps-section").hidden = !columns.length;
byId("modules-section").hidden = !known.size;
if (columns.length > MANY) columns.slice(3, -1).forEach(id => folded.add(id));
