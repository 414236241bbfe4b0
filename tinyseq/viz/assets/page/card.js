// The card with facts about a box, for pointer and keyboard.

const card = byId("card");
const CARD_CELL = 12; // pixels per number of a small array
let chosen = null; // the box or cover selected with the keyboard
const shut = new Map(); // covers: name -> { name, group, at, width, height, told, open: a function that opens it }

const NO_NUMBER = [190, 0, 160];
/** Paint a heat map: blue for negative numbers, orange for positive ones, paler towards zero; purple for NaN. */
function heat(canvas, numbers, rows, across, limit) {
  const dark = document.documentElement.matches(".dark");
  const [none, low, high] = dark ? [[27, 29, 32], [86, 180, 233], [240, 130, 50]] : [[255, 255, 255], [0, 114, 178], [213, 94, 0]];
  canvas.width = across;
  canvas.height = rows;
  const image = new ImageData(across, rows);
  numbers.forEach((value, i) => {
    const share = limit > 0 ? Math.min(Math.abs(value) / limit, 1) : 0;
    const hue = value < 0 ? low : high;
    const color = Number.isNaN(value) ? NO_NUMBER : none.map((channel, c) => channel + (hue[c] - channel) * share);
    image.data.set([...color, 255], 4 * i);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}
const largest = numbers => numbers.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);

function stripOf({ rows, columns: across, numbers }, told) {
  const values = unpack(numbers);
  const canvas = make("canvas", { role: "img", "aria-label": told });
  const [high, wide] = across === 1 ? [1, rows] : [rows, across]; // columns are shown as rows
  heat(canvas, values, high, wide, largest(values));
  const cell = Math.max(Math.min(CARD_CELL, Math.floor(300 / wide)), 3);
  Object.assign(canvas.style, { width: `${wide * cell}px`, height: `${high * Math.max(cell, 10)}px` });
  return canvas;
}

/** Show the card beside a rectangle: facts by name; the fact with an empty name is the heading. */
function tellOf(at, name, facts, values = {}) {
  const list = make("dl");
  for (const [fact, value] of Object.entries(facts)) {
    const kind = { value: "value", "norm of the gradient": "gradient" }[fact];
    if (!fact || ((kind || story.fills) && !isKnown(name, kind))) continue;
    const strip = values[kind];
    const words = make("dd", {}, kind || fact === "score" ? mathematical(value) : named(value));
    if (strip) words.append(stripOf(strip, `${fact}, as colours`));
    list.append(make("dt", {}, fact), words);
  }
  card.replaceChildren(make("h3", {}, typeset(facts[""] || "")), list);
  card.hidden = false;
  const { width, height } = card.getBoundingClientRect();
  const [left, top] = freePlace(at, width, height);
  Object.assign(card.style, { left: `${left}px`, top: `${top}px` });
}
/** A place for the card beside, below or above what it explains: the first where it fits, or else the one that covers least. */
function freePlace({ left, right, top, bottom }, width, height) {
  const [beside, along] = [within(top, height, 8, innerHeight - 16), within(left, width, 8, innerWidth - 16)];
  const places = [[right + 12, beside], [left - 12 - width, beside], [along, bottom + 12], [along, top - 12 - height]];
  const kept = places.map(([x, y]) => [within(x, width, 8, innerWidth - 16), within(y, height, 8, innerHeight - 16)]);
  const covered = ([x, y]) => Math.max(Math.min(x + width, right) - Math.max(x, left), 0) * Math.max(Math.min(y + height, bottom) - Math.max(y, top), 0);
  return kept.reduce((best, place) => (covered(place) < covered(best) ? place : best));
}
function tell(name) {
  const box = part(name);
  if (shut.has(name)) tellOf(rectangleOf(box), name, { "": box.told, "to open": "click, or Enter" });
  else if (box && isAsked(box)) tellOf(rectangleOf(box), name, story.details[name], story.values[name]);
}
const hush = () => { card.hidden = true; };
/** Show the card while the mouse is on a part. After a touch, it stays until something else is touched. */
function tellOn(group, name) {
  group.addEventListener("pointerenter", () => tell(name));
  group.addEventListener("pointerleave", ({ pointerType }) => { if (pointerType === "mouse") hush(); });
}
for (const [name, { group }] of boxes) tellOn(group, name);
picture.addEventListener("pointerdown", event => { if (!event.target.closest(".node, .cover")) hush(); });
picture.addEventListener("wheel", hush, { passive: true });

// -- keyboard navigation ------------------------------------------------------------------------------------------------

const isHidden = name => Boolean(coverOver(name));
const asked = () => [...[...boxes.values()].filter(box => isAsked(box) && !isHidden(box.name)), ...shut.values()];
const part = name => boxes.get(name) || shut.get(name);
function choose(box) {
  part(chosen)?.group.classList.remove("chosen");
  chosen = box?.name ?? null;
  if (!box) {
    picture.removeAttribute("aria-activedescendant");
    hush();
    return;
  }
  box.group.classList.add("chosen");
  box.group.setAttribute("role", "img");
  const facts = story.details[box.name] || { "": box.told };
  box.group.setAttribute("aria-label", Object.entries(facts).map(pair => pair.join(" ").trim()).join(", "));
  picture.setAttribute("aria-activedescendant", box.name);
  reveal(box);
  tell(box.name);
}
/** The nearest box in a direction; sideways distance counts more. */
function neighbour(right, down) {
  const from = part(chosen);
  const [x, y] = from.at;
  let [best, least] = [null, Infinity];
  for (const box of asked()) {
    const [toX, toY] = box.at;
    const ahead = (toX - x) * right + (toY - y) * down;
    const aside = Math.abs((toX - x) * down) + Math.abs((toY - y) * right);
    if (box !== from && ahead > 1 && ahead + 2.5 * aside < least) [best, least] = [box, ahead + 2.5 * aside];
  }
  return best;
}
picture.addEventListener("keydown", event => {
  const { key, shiftKey } = event;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[key];
  const acts = {
    "+": () => zoom(0.8, middle()), "=": () => zoom(0.8, middle()), "-": () => zoom(1.25, middle()), "0": fit,
    Home: () => choose(asked()[0]), End: () => choose(asked().at(-1)), Escape: () => choose(null),
  };
  if (arrow && shiftKey) move((arrow[0] * view.width) / 10, (arrow[1] * view.height) / 10);
  else if (arrow) choose(part(chosen) ? neighbour(...arrow) || part(chosen) : asked()[0]);
  else if (key === "Enter" && chosen) foldAround(chosen, shiftKey);
  else if (acts[key]) acts[key]();
  else return;
  event.preventDefault();
});
picture.addEventListener("blur", () => choose(null));
/** Open a cover; or fold the time step of a box, or close the innermost module around it. */
function foldAround(name, step) {
  const cover = shut.get(name);
  choose(null);
  if (cover) {
    cover.open();
    return;
  }
  const { nest } = boxes.get(name);
  if (step && nest) toggleStep(nest.column);
  else if (nest?.parent) toggleModule(nest.module, nest.id);
}
