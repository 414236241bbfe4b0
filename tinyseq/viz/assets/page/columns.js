// The columns of the picture, and which of them and of the modules are folded.

const columns = [...new Set(Object.values(story.columns))].filter(id => frames.has(id));
columns.sort((a, b) => frames.get(a).low - frames.get(b).low);
const ceiling = Math.min(...columns.map(id => frames.get(id).top));
const floor = Math.max(...columns.map(id => frames.get(id).bottom));
const columnOf = name => (frames.has(story.columns[name]) ? story.columns[name] : null);

const folded = new Set(); // ids of columns' frames
const closed = new Set(); // modules, as JSON text of their names
const startsWith = (names, module) => module.every((part, i) => names[i] === part);
const isClosed = names => [...closed].some(text => startsWith(names, JSON.parse(text)));

// What stands in one column is moved as one, so that a click costs little however many columns there are.
const KINDS = ["frames", "lines", "boxes"];
const groups = new Map(columns.map(id => [id, KINDS.map(kind => draw("g", { class: `column ${kind}` }))]));
function gather(kind, items, column) {
  for (const item of items) {
    const id = column(item);
    item.column = groups.has(id) ? id : null;
    if (item.column) groups.get(id)[KINDS.indexOf(kind)].append(item.group);
  }
}
gather("frames", frames.values(), ({ id }) => story.frames[id]?.column || id);
gather("lines", lines, ({ ends: [tail, head] }) => (columnOf(tail) === columnOf(head) ? columnOf(tail) : null));
gather("boxes", boxes.values(), ({ name }) => columnOf(name));
const covers = draw("g", { class: "covers" }); // what is drawn in place of that which is folded
const firstLine = root.querySelector(":scope > g.edge") || root.querySelector(":scope > g.node");
for (const [around, within, on] of groups.values()) {
  firstLine?.before(around, within);
  root.append(on);
}
root.append(covers);
const origin = svg.getScreenCTM().inverse().multiply(root.getScreenCTM()); // the picture's group is moved within it
