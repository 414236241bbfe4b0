// The picture on paper: as many sheets as letters that can be read need, cut where nothing is.

const SHEET = { wide: [980, 660], tall: [718, 920] }; // pixels, on both A4 and Letter, with room for the heading
const EDGE = 3; // points of the picture around a cut

/** The rectangles of all that is visible: [[left, right], [top, bottom]], in points of the picture. */
function inked() {
  const { a: scale, e: left, f: top } = camera.getScreenCTM();
  const parts = [...root.querySelectorAll("text, .node, .cover")].map(element => element.getBoundingClientRect());
  const along = (from, ...ends) => ends.map(end => (end - from) / scale);
  return parts.filter(({ width, height }) => width && height).map(part => [along(left, part.left, part.right), along(top, part.top, part.bottom)]);
}
/** The pieces of an axis, none longer than that: cut through as few of some stretches as can be, and late. */
function pieces([start, end], most, stretches) {
  const found = [start];
  while (end - found.at(-1) > most) {
    const [least, limit] = [found.at(-1) + most / 3, found.at(-1) + most];
    const crossed = at => stretches.filter(([low, high]) => low < at && at < high).length;
    const ends = new Set(stretches.map(([, high]) => Math.ceil(high) + EDGE).filter(at => least < at && at <= limit));
    const ranked = [...ends].map(at => [crossed(at), at]).sort(([one, near], [other, far]) => one - other || far - near);
    found.push(ranked[0]?.[1] ?? limit);
  }
  return found.map((low, i) => [low, found[i + 1] ?? end]);
}
/** The sheets, as view boxes, one strip of the picture after the other, and whether they are upright: whichever needs fewer. */
function sheets() {
  const parts = inked();
  const [across, down] = [0, 1].map(axis => [home[axis], home[axis] + home[axis + 2]]);
  const ways = ["wide", "tall"].map(way => {
    const [widest, highest] = SHEET[way].map(side => side / LEGIBLE);
    const boxes = pieces(across, widest, parts.map(([x]) => x)).flatMap(([left, right]) => {
      const inside = parts.filter(([[low, high]]) => low < right && high > left);
      return pieces(down, highest, inside.map(([, y]) => y)).map(([top, bottom]) => [left, top, right - left, bottom - top]);
    });
    return { way, boxes };
  });
  return ways.reduce((best, other) => (other.boxes.length < best.boxes.length ? other : best));
}
/** Lay the picture out on paper, or take it back. */
function layOut(begins) {
  for (const sheet of document.querySelectorAll(".sheet")) sheet.remove();
  const { way, boxes } = begins ? sheets() : { way: "wide", boxes: [] };
  document.body.classList.toggle("tall", way === "tall");
  document.body.classList.toggle("sheets", boxes.length > 1);
  if (begins) setAll(svg, { viewBox: home.join(" ") });
  else svg.removeAttribute("viewBox");
  if (boxes.length < 2) return;
  for (const box of boxes) {
    const sheet = draw("svg", { class: "sheet", viewBox: box.join(" "), width: box[2] * LEGIBLE, height: box[3] * LEGIBLE });
    const copy = camera.cloneNode(true); // a reference to it would not be styled by the state of the page
    for (const element of copy.querySelectorAll("[id]")) element.removeAttribute("id");
    sheet.append(copy);
    picture.append(sheet);
  }
}
