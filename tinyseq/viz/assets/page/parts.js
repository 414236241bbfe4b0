// The parts of the picture, and the story: a JSON object that describes them.
const story = {
  details: {}, columns: {}, modules: {}, frames: {}, lines: [], values: {}, parameters: {}, acts: [],
  ...JSON.parse(byId("story").textContent),
};
const picture = byId("picture");
const svg = picture.querySelector("svg");
const root = svg.querySelector("g.graph");

/** A formula: letters after an underscore are an index, as in W_hh. */
function typeset(formula) {
  const parts = mathematical(formula).split(/(?<=[A-Za-z])_([A-Za-z][A-Za-z0-9_]*|\d+)\b|_\(([^()]*)\)/);
  const typed = make("span");
  for (let i = 0; i < parts.length; i += 3) {
    typed.append(parts[i]);
    const index = parts[i + 1] ?? parts[i + 2];
    if (index !== undefined) typed.append(make("sub", {}, index));
  }
  return typed;
}

const boxes = new Map(); // name -> { name, group, x, y: its original centre, at: its current one, width, height, legend }
for (const group of root.querySelectorAll("g.node")) {
  const shape = group.querySelector("rect, path, ellipse, polygon") || group;
  const { x: left, y: high, width, height } = shape.getBBox();
  const [x, y] = [left + width / 2, high + height / 2];
  boxes.set(group.id, { name: group.id, group, x, y, at: [x, y], width, height, legend: group.id.startsWith("legend") });
}
const visibleText = box => box.group.textContent.trim();
const isAsked = box => !box.legend && Boolean(story.details[box.name]); // whether a box has details

const textsOf = group =>
  [...group.querySelectorAll("text")].map(text => ({ text, x: Number(text.getAttribute("x")), y: Number(text.getAttribute("y")) }));
const pointsIn = text => Array.from(text.matchAll(/(-?[\d.]+),(-?[\d.]+)/g), ([, x, y]) => [Number(x), Number(y)]);
const lines = [...root.querySelectorAll("g.edge")].map(group => {
  const path = group.querySelector("path");
  const tip = group.querySelector("polygon");
  const points = pointsIn(path.getAttribute("d")); // of cubic curves
  if (tip) points[points.length - 1] = pointsIn(tip.getAttribute("points"))[1];
  const ends = story.lines[group.id.replace("line", "")] || ["", ""];
  return { group, path, tip, points, ends, labels: textsOf(group), timed: group.matches(".time") };
});
const frames = new Map(); // id -> { id, group, column: its id, module: names, shape, low, high: in x, top, bottom: in y, texts, title }
for (const group of root.querySelectorAll("g.cluster")) {
  const shape = group.querySelector("rect, path, polygon");
  const { x, y, width, height } = shape.getBBox();
  const place = { low: x, high: x + width, top: y, bottom: y + height };
  const { column, module } = story.frames[group.id] ?? { column: group.id, module: [] };
  frames.set(group.id, { id: group.id, group, column, module, shape, ...place, texts: textsOf(group), title: group.textContent.trim() });
}
const large = boxes.size > 400; // such a picture is drawn bit by bit
document.body.classList.toggle("large", large);
document.body.classList.toggle("fills", Boolean(story.fills));
document.body.classList.toggle("shaded", Boolean(story.shaded));
