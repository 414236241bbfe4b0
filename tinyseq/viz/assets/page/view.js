// Panning and zooming: the picture's group is moved within an SVG that keeps its size. If that changed, or its view box,
// browsers would lay out all of its letters again.

let home = svg.getAttribute("viewBox").split(" ").map(Number); // the whole picture: x, y, width, height
svg.removeAttribute("viewBox");
const camera = draw("g");
root.replaceWith(camera);
camera.append(root);
const view = { x: 0, y: 0, width: 1, height: 1 }; // the part of it that is seen
let onPaper = false; // where the whole picture is shown, with a view box
let fitted = true; // whether the whole picture is kept in view
let overview = false; // also if its letters are too small to be read: this was asked for
let dragged = false; // whether the pointer has moved since it was pressed: if so, there is no click
const whole = [...home];

let room = [1, 1]; // the size of the view
new ResizeObserver(([{ contentRect: { width, height } }]) => {
  if (!width || !height) return; // on paper
  const [scale, [x, y]] = [scaleNow(), middle().map((at, axis) => at - room[axis] / scaleNow() / 2)];
  room = [width, height];
  const [wide, high] = [width / scale, height / scale]; // letters keep their size
  if (fitted) keepInView();
  else show(within(x, wide, home[0], home[2]), within(y, high, home[1], home[3]), wide, high);
}).observe(picture);
/** Pixels per point of the picture. */
const scaleNow = () => Math.min(room[0] / view.width, room[1] / view.height);
function show(x, y, width, height) {
  Object.assign(view, { x, y, width, height });
  const scale = scaleNow();
  const [right, down] = middle().map((at, axis) => room[axis] / 2 - scale * at);
  setAll(camera, { transform: onPaper ? "" : `translate(${right} ${down}) scale(${scale})` });
  seen();
}
/** Show the whole picture, or if only letters that can be read are wanted, perhaps a part of it. */
function fit(whole = true) {
  waiting.delete(comeCloser); // asked for earlier
  fitted = true;
  show(...home);
  overview = whole && scaleNow() < LEGIBLE;
  keepInView();
}
function keepInView() {
  show(...home);
  if (!overview) comeCloser();
}
const LEAST_LETTERS = 8; // pixels
const smallest = Math.min(...Array.from(svg.querySelectorAll("text"), text => Number(text.getAttribute("font-size")) || Infinity));
const LEGIBLE = LEAST_LETTERS / smallest; // pixels per point of the picture
/** Whether some of the picture is out of view. */
const isPart = () => middle().some((at, axis) => Math.abs(at - home[axis] - home[axis + 2] / 2) + home[axis + 2] / 2 > room[axis] / scaleNow() / 2 + 1);
/** After the view has changed: a button shows the whole picture, or a part of it in letters that can be read. */
function seen() {
  cull();
  const [part, legible, button] = [isPart(), scaleNow() >= 0.99 * LEGIBLE, byId("fit")];
  const words = part || legible ? "Show all" : "Enlarge";
  if (document.activeElement === button && !part && legible) picture.focus();
  button.disabled = !part && legible;
  if (button.textContent !== words) button.textContent = words;
}
byId("fit").addEventListener("click", () => fit(isPart()));
/** If the whole picture is too small to read, show where it begins: at the left, below for a computation and above for a trellis. */
function comeCloser() {
  const scale = scaleNow(); // 0 on the way to paper, which has no window
  const bars = columns.length && folded.size === columns.length; // these fill the window
  if (!fitted || onPaper || bars || !scale || scale >= LEGIBLE) return;
  fitted = false;
  const [wide, high] = room.map(length => length / LEGIBLE);
  const start = moments.length && !story.fills ? home[1] + home[3] - high : home[1];
  show(within(home[0], wide, home[0], home[2]), within(start, high, home[1], home[3]), wide, high);
  const first = moments.flatMap(moment => moment.boxes).find(name => columnOf(name) === columns[0] && !isHidden(name));
  if (first) reveal(boxes.get(first), false, 0);
}
/** The point of the picture under the pointer. */
const place = ({ clientX, clientY }) => {
  const point = new DOMPoint(clientX, clientY).matrixTransform(camera.getScreenCTM().inverse());
  return [point.x, point.y];
};
const middle = () => [view.x + view.width / 2, view.y + view.height / 2];
function zoom(factor, [x, y]) {
  const kept = Math.min(Math.max(factor, whole[2] / 80 / view.width), (whole[2] * 4) / view.width);
  fitted = false;
  show(x + (view.x - x) * kept, y + (view.y - y) * kept, view.width * kept, view.height * kept);
}
function move(right, down) {
  fitted = false;
  show(view.x + right, view.y + down, view.width, view.height);
}

const embedded = self !== top; // in a frame: scrolling the page around it must not be caught here
document.body.classList.toggle("embedded", embedded);
picture.addEventListener("wheel", event => {
  if (embedded && !event.ctrlKey && document.activeElement !== picture) return;
  event.preventDefault();
  zoom(Math.exp(event.deltaY / 500), place(event));
}, { passive: false });

const held = new Map(); // pressed pointers: id -> event
picture.addEventListener("pointerdown", event => {
  held.set(event.pointerId, event);
  if (held.size === 1) dragged = false;
});
for (const kind of ["pointerup", "pointercancel"]) window.addEventListener(kind, event => held.delete(event.pointerId));
/** The middle of the pressed pointers, and how far apart two of them are. */
function grip() {
  const [one, other] = [...held.values(), ...held.values()]; // a single one counts twice
  const spread = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
  return { clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2, spread: Math.max(spread, 1) };
}
window.addEventListener("pointermove", event => {
  const last = held.get(event.pointerId);
  if (!last || (!dragged && Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY) < 4)) return;
  dragged = true;
  const before = grip();
  held.set(event.pointerId, event);
  const after = grip();
  const [from, to] = [place(before), place(after)];
  move(from[0] - to[0], from[1] - to[1]);
  zoom(before.spread / after.spread, place(after));
});

byId("zoom-in").addEventListener("click", () => zoom(0.75, middle()));
byId("zoom-out").addEventListener("click", () => zoom(1 / 0.75, middle()));

/** The rectangle of a box on the screen, visible or not. */
function rectangleOf({ at, width, height }) {
  const matrix = root.getScreenCTM();
  const { x, y } = new DOMPoint(at[0] - width / 2, at[1] - height / 2).matrixTransform(matrix);
  return { x, y, left: x, top: y, width: width * matrix.a, height: height * matrix.d, right: x + width * matrix.a, bottom: y + height * matrix.d };
}
/** Where a part of the picture should start so that as little as possible outside the picture is shown. */
const within = (start, length, from, all) => length > all ? from + (all - length) / 2 : Math.min(Math.max(start, from), from + all - length);
/** Centre the view on a point, without showing more than needed outside the picture. */
function lookAt([x, y]) {
  const { width, height } = view;
  fitted = false;
  show(within(x - width / 2, width, home[0], home[2]), within(y - height / 2, height, home[1], home[3]), width, height);
}
const BESIDE = 60; // pixels
/** Bring a box into view with so many pixels of what is around it, and zoom in if asked to. */
function reveal({ at, width, height }, closer = false, beside = BESIDE) {
  const [x, y] = [at[0] + origin.e, at[1] + origin.f];
  if (closer && height * scaleNow() < 40) zoom((height * scaleNow()) / 56, [x, y]);
  const [far, size, side] = [[x - middle()[0], y - middle()[1]], [width, height], room.map(length => length / scaleNow())];
  const isNear = (away, axis) => Math.abs(away) <= (side[axis] - size[axis]) / 2 - Math.min(beside / scaleNow(), side[axis] / 4);
  if (closer || !far.every(isNear)) lookAt([x, y]);
}
