// What can be seen of a drawing's page, as the browser has laid it out, in pixels: rectangles [left, top, right, bottom]
// of boxes, covers and columns' frames, and for every line what it joins and where it begins and ends.
(() => {
  const rectangle = element => {
    const { x, y, width, height } = element.getBoundingClientRect();
    return [x, y, x + width, y + height];
  };
  const shown = ({ group }) => {
    const { width, height } = group.getBoundingClientRect();
    return getComputedStyle(group).visibility === "visible" && width + height > 0 && !group.closest(`[transform="${AWAY}"]`);
  };
  const shape = ({ group }) =>
    group.querySelector(":scope > :is(rect, path, polygon, ellipse), :scope > g :is(rect, path, polygon, ellipse)");
  const onScreen = (path, { x, y }) => {
    const point = new DOMPoint(x, y).matrixTransform(path.getScreenCTM());
    return [point.x, point.y];
  };
  const all = [...boxes.values()].filter(shown);
  const open = columns.map(id => frames.get(id)).filter(shown);
  return {
    scale: root.getScreenCTM().a,
    boxes: Object.fromEntries(all.filter(shape).map(box => [box.name, rectangle(shape(box))])),
    shapeless: all.filter(box => !shape(box)).map(box => box.name),
    covers: [...covers.querySelectorAll("rect")].map(rectangle),
    frames: Object.fromEntries(open.map(frame => [frame.id, rectangle(frame.shape)])),
    lines: lines.filter(shown).map(({ path, tip, ends }) => {
      const last = tip ? tip.points[1] : path.getPointAtLength(path.getTotalLength());
      return [...ends, onScreen(path, path.getPointAtLength(0)), onScreen(path, last)];
    }),
    view: [view.x, view.y, view.width, view.height],
  };
})()
