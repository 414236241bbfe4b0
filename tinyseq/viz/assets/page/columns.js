// The columns and modules of the picture, and which of them are folded or closed.

const columns = [...new Set(Object.values(story.columns))].filter(id => frames.has(id));
columns.sort((a, b) => frames.get(a).low - frames.get(b).low);
const ceiling = Math.min(...columns.map(id => frames.get(id).top));
const floor = Math.max(...columns.map(id => frames.get(id).bottom));
const columnOf = name => (frames.has(story.columns[name]) ? story.columns[name] : null);

const ALL_OPEN = ""; // the look of a column as it was drawn at first
const folded = new Set(); // ids of the frames of columns
const closed = new Set(); // modules, as JSON of their names
const startsWith = (names, module) => module.every((part, i) => names[i] === part);

// The parts of a column are moved as a group, and those of a module are hidden as a group, so that a click is cheap even
// if there are many columns: the frame of each has a group for what is in it of each kind.
for (const frame of frames.values()) if (!columns.includes(frame.column)) frame.column = null;
const nests = [...frames.values()].filter(({ column }) => column).sort((one, other) => one.module.length - other.module.length);
const nestsIn = Map.groupBy(nests, ({ column }) => column);
/** The innermost frame in a column that contains all these modules. */
const nestOf = (column, ...modules) => nestsIn.get(column)?.findLast(nest => modules.every(names => startsWith(names, nest.module))) ?? null;
for (const nest of nests) { // the outer ones first
  nest.parent = nestsIn.get(nest.column).findLast(other => other !== nest && startsWith(nest.module, other.module)) ?? null;
  nest.groups = ["frames", "lines", "boxes"].map(kind => draw("g", { class: `nest ${kind}` }));
  nest.groups[0].append(nest.group); // behind the frames within: it is opaque
  nest.parent?.groups.forEach((group, i) => group.append(nest.groups[i]));
}
function nestle(item, layer, nest) {
  Object.assign(item, { nest, column: nest?.column ?? null });
  nest?.groups[layer].append(item.group);
}
const modulesOf = name => story.modules[name] || [];
for (const box of boxes.values()) nestle(box, 2, nestOf(columnOf(box.name), modulesOf(box.name)));
for (const line of lines) {
  const [[tail, head], [from, to]] = [line.ends, line.ends.map(columnOf)];
  nestle(line, 1, from === to ? nestOf(from, modulesOf(tail), modulesOf(head)) : null);
}
const contents = { boxes: Map.groupBy(boxes.values(), ({ column }) => column), lines: Map.groupBy(lines, ({ column }) => column) };
const covers = draw("g", { class: "covers" }); // drawn in place of folded columns and closed modules
const firstLine = root.querySelector(":scope > g.edge") || root.querySelector(":scope > g.node");
for (const id of columns) { // where a column is drawn, so that it can be left out: browsers lay out what is in a group even if it is not displayed
  const frame = Object.assign(frames.get(id), { painted: ALL_OPEN });
  frame.wraps = frame.groups.map(group => {
    const wrap = draw("svg", { class: "wrap", "data-column": id });
    wrap.append(group);
    return wrap;
  });
  const [around, within, on] = frame.wraps;
  firstLine?.before(around, within);
  root.append(on);
}
root.append(covers);
const origin = root.transform.baseVal.consolidate().matrix; // the offset of the picture's group
