// The page of a drawing: move and zoom, search, details, folding of time steps and modules, and play.
// The picture is Graphviz's SVG; everything else the page knows is the story, a JSON object made with it.
"use strict";

const story = JSON.parse(document.getElementById("story").textContent);
const picture = document.getElementById("picture");
const svg = picture.querySelector("svg");
const root = svg.querySelector("g.graph");
const byId = id => document.getElementById(id);
const element = (name, attributes = {}, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};

// -- the parts of the picture -----------------------------------------------------------------------------------------

const boxes = new Map(); // name -> { group, x: centre }
for (const group of root.querySelectorAll("g.node")) {
  const shape = group.querySelector("path, ellipse, polygon") || group;
  const { x, width } = shape.getBBox();
  boxes.set(group.id, { group, x: group.id.startsWith("legend") ? null : x + width / 2 });
}
/** A path, split at its x coordinates: pieces of text and numbers in turn. */
const split = form => {
  const pieces = form.split(/(-?[\d.]+)(?=,)/);
  return { texts: pieces.filter((_, i) => i % 2 === 0), xs: pieces.filter((_, i) => i % 2).map(Number) };
};
const joined = ({ texts, xs }, to) => {
  let form = texts[0];
  for (let i = 0; i < xs.length; i++) form += to(xs[i]).toFixed(1) + texts[i + 1];
  return form;
};
const lines = [...root.querySelectorAll("g.edge")].map(group => {
  const number = Number(group.id.replace("line", ""));
  const path = group.querySelector("path");
  const tip = group.querySelector("polygon");
  const label = [...group.querySelectorAll("text")];
  return {
    group, path, label, tip, ends: (story.lines || [])[number] || ["", ""],
    form: path.getAttribute("d"),
    curve: split(path.getAttribute("d")),
    along: tip && Math.max(...split(tip.getAttribute("points")).xs),
    low: Math.min(...split(path.getAttribute("d")).xs),
    high: Math.max(...split(path.getAttribute("d")).xs),
    bent: false,
    labelX: label.map(text => Number(text.getAttribute("x"))),
  };
});
const frames = new Map(); // id -> { group, low, high, top, bottom }
for (const group of root.querySelectorAll("g.cluster")) {
  const shape = group.querySelector("path, polygon");
  const { x, y, width, height } = shape.getBBox();
  const texts = [...group.querySelectorAll("text")].map(text => [text, Number(text.getAttribute("x"))]);
  frames.set(group.id, { group, shape, form: shape.hasAttribute("d") && split(shape.getAttribute("d")), texts, low: x, high: x + width, top: y, bottom: y + height });
}
for (const title of svg.querySelectorAll("title")) title.remove(); // they would cover the details with internal names

// -- moving and zooming -----------------------------------------------------------------------------------------------

const view = svg.viewBox.baseVal;
const home = [view.x, view.y, view.width, view.height];
const show = (x, y, width, height) => Object.assign(view, { x, y, width, height });
const place = event => {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
};
const zoom = (factor, [x, y]) =>
  show(x + (view.x - x) * factor, y + (view.y - y) * factor, view.width * factor, view.height * factor);
const middle = () => [view.x + view.width / 2, view.y + view.height / 2];
const move = (right, down) => show(view.x + (right * view.width) / 10, view.y + (down * view.height) / 10, view.width, view.height);

picture.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(Math.exp(event.deltaY / 600), place(event));
}, { passive: false });
let held = null;
let dragged = false;
picture.addEventListener("pointerdown", event => { held = place(event); dragged = false; });
window.addEventListener("pointerup", () => { held = null; });
window.addEventListener("pointermove", event => {
  if (!held) return;
  const [x, y] = place(event);
  if (Math.hypot(held[0] - x, held[1] - y) > view.width / 300) dragged = true;
  if (dragged) show(view.x + held[0] - x, view.y + held[1] - y, view.width, view.height);
});
const keys = {
  "+": () => zoom(0.8, middle()), "=": () => zoom(0.8, middle()), "-": () => zoom(1.25, middle()), "0": () => show(...home),
  ArrowLeft: () => move(-1, 0), ArrowRight: () => move(1, 0), ArrowUp: () => move(0, -1), ArrowDown: () => move(0, 1),
};
picture.addEventListener("keydown", event => {
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});

// -- details ----------------------------------------------------------------------------------------------------------

function tell(name) {
  const facts = (story.details || {})[name];
  if (!facts) return;
  const list = byId("details");
  list.replaceChildren();
  for (const [fact, value] of Object.entries(facts)) {
    const term = document.createElement("dt");
    const words = document.createElement("dd");
    term.textContent = fact;
    words.textContent = value;
    list.append(term, words);
  }
}
for (const [name, { group }] of boxes) group.addEventListener("pointerenter", () => tell(name));

// -- folding ----------------------------------------------------------------------------------------------------------

const columns = [...new Set(Object.values(story.columns || {}))].filter(id => frames.has(id));
columns.sort((a, b) => frames.get(a).low - frames.get(b).low);
const FOLDED = columns.length > 20 ? 6 : 34; // the width that is left of a folded time step
const MANY = 12; // of more columns than these, only the first three and the last are open at first
const folded = new Set(); // ids of columns' frames
const closed = new Set(); // modules, as JSON text of their names
const covers = element("g", { class: "covers" });
root.append(covers);
const startsWith = (names, module) => module.every((part, i) => names[i] === part);

/** Where an x goes: folded columns shrink, with the space to a folded neighbour, and what is to the right moves up. */
function squeeze() {
  if (!folded.size) return x => x;
  const spans = [];
  columns.forEach((id, i) => {
    if (!folded.has(id)) return;
    const { low, high } = frames.get(id);
    const end = folded.has(columns[i + 1]) ? frames.get(columns[i + 1]).low : high;
    spans.push({ low, end, lost: 1 - Math.min(FOLDED / (end - low), 1) });
  });
  return x => {
    let moved = x;
    for (const { low, end, lost } of spans) {
      if (x <= low) break;
      moved -= (Math.min(x, end) - low) * lost;
    }
    return moved;
  };
}

function cover(low, top, width, height, words, upright, act) {
  const group = element("g", { class: "cover" });
  const rectangle = element("rect", { x: low, y: top, width, height, rx: 10 });
  const x = low + width / 2;
  const y = top + height / 2;
  const turn = upright ? ` rotate(-90 ${x} ${y})` : "";
  group.append(rectangle);
  if (width > 14) group.append(element("text", { x, y: y + 4, transform: turn.trim() || "translate(0 0)" }, words));
  rectangle.addEventListener("click", () => { if (!dragged) act(); });
  covers.append(group);
}

/** Which boxes are out of sight, and in which cover they are. */
function hiddenBoxes() {
  const out = new Map();
  for (const name of boxes.keys()) {
    const column = (story.columns || {})[name];
    const modules = (story.modules || {})[name] || [];
    if (folded.has(column)) out.set(name, column);
    for (const text of closed) {
      if (column && !out.has(name) && startsWith(modules, JSON.parse(text))) out.set(name, column + text);
    }
  }
  return out;
}

/** Move a part of the picture to the right; parts that stay cost nothing. */
function shift(group, by) {
  const transform = Math.abs(by) < 0.01 ? null : `translate(${by.toFixed(1)} 0)`;
  if (group.getAttribute("transform") === transform) return;
  if (transform) group.setAttribute("transform", transform);
  else group.removeAttribute("transform");
}

/** A line beside all folded columns moves as a whole; one that crosses some is drawn anew. */
function bend(line, to) {
  const by = to(line.low) - line.low;
  const crosses = Math.abs(to(line.high) - line.high - by) > 0.01;
  shift(line.group, crosses ? 0 : by);
  if (!crosses && !line.bent) return;
  const x = crosses ? to : at => at;
  line.bent = crosses;
  line.path.setAttribute("d", crosses ? joined(line.curve, to) : line.form);
  if (line.tip) shift(line.tip, x(line.along) - line.along);
  line.label.forEach((text, i) => text.setAttribute("x", x(line.labelX[i])));
}

function arrange() {
  const to = squeeze();
  const out = hiddenBoxes();
  for (const [name, { group, x }] of boxes) {
    group.classList.toggle("hidden", out.has(name));
    if (x !== null) shift(group, to(x) - x);
  }
  for (const line of lines) {
    const [tail, head] = line.ends;
    const hidden = out.has(tail) && out.get(tail) === out.get(head);
    line.group.classList.toggle("hidden", hidden);
    if (!hidden) bend(line, to);
  }
  covers.replaceChildren();
  for (const [id, { group, shape, form, texts, low, high, top, bottom }] of frames) {
    if (form) shape.setAttribute("d", joined(form, to));
    const module = (story.frames || {})[id];
    const inFolded = module && folded.has(module.column);
    group.classList.toggle("hidden", Boolean(inFolded));
    for (const [text, x] of texts) {
      text.setAttribute("x", to(x));
      text.classList.toggle("hidden", folded.has(id));
    }
    const title = texts.map(([text]) => text.textContent).join(" ");
    if (folded.has(id)) cover(to(low), top, to(high) - to(low), bottom - top, title, true, () => toggleStep(id));
    if (module && !inFolded && closed.has(JSON.stringify(module.module))) {
      const inner = [...closed].some(text => text !== JSON.stringify(module.module) && startsWith(module.module, JSON.parse(text)));
      if (!inner) cover(to(low), top, to(high) - to(low), bottom - top, title, false, () => toggleModule(module.module));
    }
  }
  for (const button of document.querySelectorAll("[data-step]")) {
    button.setAttribute("aria-expanded", String(!folded.has(button.dataset.step)));
  }
  for (const button of document.querySelectorAll("[data-module]")) {
    button.setAttribute("aria-expanded", String(!closed.has(button.dataset.module)));
  }
}

const flip = (set, item) => { if (!set.delete(item)) set.add(item); };
function toggleStep(id) { flip(folded, id); arrange(); }
function toggleModule(names) { flip(closed, JSON.stringify(names)); arrange(); }

function toggle(parent, words, attribute, value, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = words;
  button.setAttribute(attribute, value);
  button.addEventListener("click", act);
  byId(parent).append(button);
}
byId("fold-all").addEventListener("click", () => { columns.forEach(id => folded.add(id)); arrange(); });
byId("unfold-all").addEventListener("click", () => { folded.clear(); arrange(); });
for (const id of columns) {
  const { group } = frames.get(id);
  const title = [...group.querySelectorAll("text")].map(text => text.textContent).join(" ");
  toggle("steps", title, "data-step", id, () => toggleStep(id));
  group.addEventListener("click", () => { if (!dragged) toggleStep(id); });
}
const modules = new Set();
for (const [id, { module }] of Object.entries(story.frames || {})) {
  const text = JSON.stringify(module);
  frames.get(id).group.addEventListener("click", event => {
    event.stopPropagation();
    if (!dragged) toggleModule(module);
  });
  if (!modules.has(text)) toggle("modules", module.join("."), "data-module", text, () => toggleModule(module));
  modules.add(text);
}
byId("steps-section").hidden = !columns.length;
byId("modules-section").hidden = !modules.size;

// -- search -----------------------------------------------------------------------------------------------------------

const words = name => `${name} ${Object.entries((story.details || {})[name] || {}).flat().join(" ")} ${boxes.get(name).group.textContent}`.toLowerCase();
let hits = [];
let hit = -1;
function find() {
  const wanted = byId("search").value.trim().toLowerCase();
  hits = wanted ? [...boxes.keys()].filter(name => words(name).includes(wanted)) : [];
  hit = -1;
  for (const [name, { group }] of boxes) group.classList.toggle("found", hits.includes(name));
  byId("hits").textContent = wanted ? `${hits.length} found${hits.length ? "; Enter goes from one to the next" : ""}` : "";
}
byId("search").addEventListener("input", find);
byId("search").addEventListener("keydown", event => {
  if (event.key !== "Enter" || !hits.length) return;
  hit = (hit + 1) % hits.length;
  const { group } = boxes.get(hits[hit]);
  const { x, y, width, height } = group.getBoundingClientRect();
  const [cx, cy] = place({ clientX: x + width / 2, clientY: y + height / 2 });
  show(cx - home[2] / 6, cy - home[3] / 6, home[2] / 3, home[3] / 3);
  tell(hits[hit]);
});

// -- play -------------------------------------------------------------------------------------------------------------

const moments = (story.acts || []).flatMap(act => act.events.map((event, i) => ({ act: act.name, number: i + 1, of: act.events.length, ...event })));
const slider = byId("time");
let timer = null;
slider.max = String(moments.length);
byId("play").hidden = !moments.length;

function stage() {
  const now = Number(slider.value);
  const acting = now ? moments[now - 1] : null;
  const reached = new Set(moments.slice(0, now).filter(moment => acting && moment.act === acting.act).flatMap(moment => moment.boxes));
  const current = new Set(acting ? acting.boxes : []);
  const always = new Set([...boxes.keys()].filter(name => !(name in (story.details || {}))));
  for (const [name, { group }] of boxes) {
    group.classList.toggle("dim", Boolean(acting) && !reached.has(name) && !always.has(name));
    group.classList.toggle("now", current.has(name));
  }
  for (const { group, ends } of lines) {
    const tracing = Boolean(acting) && acting.act === "back-trace";
    const lit = ends.every(name => reached.has(name) || always.has(name)) && tracing === group.classList.contains("path");
    group.classList.toggle("dim", Boolean(acting) && !lit);
  }
  byId("said").textContent = acting ? `${acting.act} ${acting.number} of ${acting.of}: ${acting.text}` : "Move the slider, or press play.";
  const sums = new Map();
  for (const moment of moments.slice(0, now)) for (const added of moment.additions || []) sums.set(added.parameter, [added, moment === acting]);
  const rows = [...sums].map(([parameter, [added, isNow]]) => {
    const row = document.createElement("tr");
    row.classList.toggle("now", isNow);
    row.dataset.parameter = parameter;
    row.dataset.total = String(added.total);
    for (const [text, kind] of [[parameter, ""], [`${added.step} adds ${added.norm.toPrecision(3)}`, ""], [added.total.toPrecision(4), "number"]]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      cell.className = kind;
      row.append(cell);
    }
    return row;
  });
  byId("sums").replaceChildren(...rows);
  byId("sums-section").hidden = !rows.length;
}
function pause() {
  clearInterval(timer);
  timer = null;
  byId("start").textContent = "play";
}
function step(by) {
  slider.value = String(Number(slider.value) + by);
  stage();
}
slider.addEventListener("input", stage);
byId("back").addEventListener("click", () => step(-1));
byId("forth").addEventListener("click", () => step(1));
byId("start").addEventListener("click", () => {
  if (timer) { pause(); return; }
  if (Number(slider.value) >= moments.length) slider.value = "0";
  byId("start").textContent = "pause";
  timer = setInterval(() => {
    step(1);
    if (Number(slider.value) >= moments.length) pause();
  }, Number(byId("pace").value));
});
byId("pace").addEventListener("change", pause);
stage();
if (columns.length > MANY) columns.slice(3, -1).forEach(id => folded.add(id));
arrange();
if (folded.size) {
  const right = Math.max(...columns.map(id => frames.get(id).high));
  home[2] -= right - squeeze()(right);
  show(...home);
}
