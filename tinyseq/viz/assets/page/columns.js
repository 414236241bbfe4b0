// The columns and modules of the picture, and which of them are folded or closed.

const columns = [...new Set(Object.values(story.columns))].filter(id => frames.has(id));
columns.sort((a, b) => frames.get(a).low - frames.get(b).low);
const ceiling = Math.min(...columns.map(id => frames.get(id).top));
const floor = Math.max(...columns.map(id => frames.get(id).bottom));
const columnOf = name => (frames.has(story.columns[name]) ? story.columns[name] : null);

const folded = new Set(); // ids of the frames of columns
const closed = new Set(); // modules, as JSON of their names
const startsWith = (names, module) => module.every((part, i) => names[i] === part);

// The parts of a column are moved as a group, and those of a module are hidden as a group, so that a click is cheap even
// if there are many columns.
const KINDS = ["frames", "lines", "boxes"];
const nests = new Map(); // ids of frames -> { id, column, module: its names, parent, groups: one for each kind, cover }
const nestsIn = new Map(columns.map(id => [id, []]));
function addNest(id, column, module, parent) {
  const nest = { id, column, module, parent, groups: KINDS.map(kind => draw("g", { class: `nest ${kind}` })), cover: null };
  parent?.groups.forEach((group, i) => group.append(nest.groups[i]));
  nests.set(id, nest);
  nestsIn.get(column).push(nest);
}
/** The innermost nest of a column that contains all these modules. */
const nestOf = (column, ...modules) => nestsIn.get(column)?.findLast(nest => modules.every(names => startsWith(names, nest.module))) ?? null;
for (const id of columns) addNest(id, id, [], null);
const outerFirst = Object.entries(story.frames).sort((one, other) => one[1].module.length - other[1].module.length);
for (const [id, { column, module }] of outerFirst) {
  if (nestsIn.has(column)) addNest(id, column, module, nestOf(column, module));
}
function gather(kind, items, place) {
  for (const item of items) {
    item.nest = place(item);
    item.column = item.nest ? item.nest.column : null;
    const group = item.nest?.groups[KINDS.indexOf(kind)];
    if (kind === "frames") group?.prepend(item.group); // behind the frames within: it is opaque
    else group?.append(item.group);
  }
}
const modulesOf = name => story.modules[name] || [];
gather("frames", frames.values(), ({ id }) => nests.get(id) ?? null);
gather("lines", lines, ({ ends: [tail, head] }) =>
  (columnOf(tail) === columnOf(head) ? nestOf(columnOf(tail), modulesOf(tail), modulesOf(head)) : null));
gather("boxes", boxes.values(), ({ name }) => nestOf(columnOf(name), modulesOf(name)));
const covers = draw("g", { class: "covers" }); // drawn in place of folded columns and closed modules
const firstLine = root.querySelector(":scope > g.edge") || root.querySelector(":scope > g.node");
/** Where a column is drawn, so that it can be left out. Browsers lay out what is in a group even if it is not displayed. */
const wraps = new Map(columns.map(id => [id, nests.get(id).groups.map(group => {
  const wrap = draw("svg", { class: "wrap", "data-column": id });
  wrap.append(group);
  return wrap;
})]));
for (const [around, within, on] of wraps.values()) {
  firstLine?.before(around, within);
  root.append(on);
}
root.append(covers);
const origin = root.transform.baseVal.consolidate().matrix; // the offset of the picture's group
