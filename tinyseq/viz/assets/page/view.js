// Panning and zooming, with the SVG's view box.

const view = svg.viewBox.baseVal;
let home = [view.x, view.y, view.width, view.height]; // the whole picture
let fitted = true; // whether the whole picture is kept in view
let dragged = false; // whether the pointer has moved since it was pressed: if so, there is no click
const whole = [...home];

let room = [1, 1]; // the size of the view
new ResizeObserver(([{ contentRect: { width, height } }]) => {
  room = [width, height];
  cull();
}).observe(picture);
function show(x, y, width, height) {
  Object.assign(view, { x, y, width, height });
  cull();
}
function fit() {
  fitted = true;
  show(...home);
}
const LEGIBLE = 0.85; // pixels per point of the picture
/** If letters cannot be read while the whole picture is in view, show a part of it, from which the view may move on. */
function comeCloser() {
  const { width, height } = picture.getBoundingClientRect();
  if (!fitted || paper.matches || Math.min(width / home[2], height / home[3]) >= LEGIBLE) return;
  fitted = false;
  const [wide, high] = [width / LEGIBLE, height / LEGIBLE];
  show(home[0], home[1] + Math.max(home[3] - high, 0), wide, high);
}
/** The point of the picture under the pointer. */
const place = ({ clientX, clientY }) => {
  const point = new DOMPoint(clientX, clientY).matrixTransform(svg.getScreenCTM().inverse());
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

const embedded = self !== top; // in the frame of another page, which must not be caught when it is scrolled
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
window.addEventListener("pointermove", event => {
  const before = held.get(event.pointerId);
  if (!before) return;
  if (!dragged && Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) < 4) return;
  dragged = true;
  const other = [...held].find(([id]) => id !== event.pointerId);
  if (other) pinch(before, event, other[1]);
  else {
    const [from, to] = [place(before), place(event)];
    move(from[0] - to[0], from[1] - to[1]);
  }
  held.set(event.pointerId, event);
});
/** One of two fingers has moved. */
function pinch(before, after, still) {
  const far = finger => Math.max(Math.hypot(finger.clientX - still.clientX, finger.clientY - still.clientY), 1);
  zoom(far(before) / far(after), place({ clientX: (after.clientX + still.clientX) / 2, clientY: (after.clientY + still.clientY) / 2 }));
}

byId("zoom-in").addEventListener("click", () => zoom(0.75, middle()));
byId("zoom-out").addEventListener("click", () => zoom(1 / 0.75, middle()));
byId("fit").addEventListener("click", fit);

/** The rectangle of a box on the screen, visible or not. */
function rectangleOf({ at, width, height }) {
  const matrix = root.getScreenCTM();
  const { x, y } = new DOMPoint(at[0] - width / 2, at[1] - height / 2).matrixTransform(matrix);
  return { x, y, left: x, top: y, width: width * matrix.a, height: height * matrix.d, right: x + width * matrix.a, bottom: y + height * matrix.d };
}
/** Where a part of the picture should start so that it shows nothing beside the picture, unless it is longer. */
const within = (start, length, from, all) => length > all ? start : Math.min(Math.max(start, from), from + all - length);
/** Bring a box into view, and zoom in if asked to. */
function reveal(box, closer = false) {
  const { x, y, width, height } = rectangleOf(box);
  const seen = picture.getBoundingClientRect();
  const center = place({ clientX: x + width / 2, clientY: y + height / 2 });
  const outside = x < seen.x || y < seen.y || x + width > seen.right || y + height > seen.bottom;
  if (closer && height < 40) zoom(height / 56, center);
  if (!closer && !outside) return;
  move(center[0] - middle()[0], center[1] - middle()[1]);
  show(within(view.x, view.width, home[0], home[2]), within(view.y, view.height, home[1], home[3]), view.width, view.height);
}
