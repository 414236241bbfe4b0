// Folding: opening and closing steps and modules.

const MANY = 12; // with more columns than this, only the first three and the last are open at first

let current = null; // the visible arrangement

/**
 * Change to the arrangement wanted now. If a point is given, it stays at its place on the screen, or is brought to its middle
 * if the whole picture was shown and can no longer be read; otherwise the picture is shown from its beginning.
 */
function arrange(kept = null) {
  if (!columns.length) return;
  hush();
  const [before, after] = [current, arrangement()];
  current = after;
  markButtons();
  if (large || !kept) fitted = !kept; // a long picture does not move, except around the click
  paint(after);
  const wasWhole = fitted;
  if (fitted) keepInView();
  if (!wasWhole) lookAt([middle()[0] + after.X(kept[0]) - before.X(kept[0]), middle()[1] + after.Y(kept[1]) - before.Y(kept[1])]);
  else if (!fitted && kept) lookAt([after.X(kept[0]) + origin.e, after.Y(kept[1]) + origin.f]);
  markFolds();
}

const flip = (set, item) => { if (!set.delete(item)) set.add(item); };
function toggleStep(id) {
  flip(folded, id);
  arrange([frames.get(id).low, ceiling]);
}
/** Close or open a module in all steps. The frame with this id, or a visible one, stays at its place. */
function toggleModule(names, id = null) {
  const text = JSON.stringify(names);
  flip(closed, text);
  const isSeen = ({ column, module }) => JSON.stringify(module) === text && !folded.has(column);
  const frame = frames.get(id) ?? nests.find(isSeen);
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
  onArrows(row, ([right, down]) => {
    const chips = [...row.children];
    const at = chips.indexOf(document.activeElement);
    const next = chips[clamp(at + right + down, chips.length)];
    [chips[at].tabIndex, next.tabIndex] = [-1, 0];
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
for (const { id, group, module } of frames.values()) {
  if (!module.length) continue;
  group.addEventListener("click", event => {
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
