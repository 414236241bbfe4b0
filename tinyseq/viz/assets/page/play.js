// Playing: the computation forward, then backward or along the best path, box by box.

const EMPTY = { boxes: [], text: "", formula: "", result: "", given: [], parts: [], asked: "", additions: [] };
const moments = story.acts.flatMap(({ name: act, events }) =>
  events.map((event, i) => ({ act, number: i + 1, of: events.length, ...EMPTY, ...event })));
const slider = byId("time");
const now = () => Number(slider.value);
let timer = null;
slider.max = String(moments.length);
byId("play").hidden = !moments.length;
story.acts.forEach((act, i) => {
  const part = make("span", i ? { class: "back" } : {}, act.name);
  part.style.flex = String(act.events.length);
  byId("acts").append(part);
});
prepareSums(moments);

/** The last moment of the backward act in which each box takes part: then its gradient is complete. */
const complete = new Map();
moments.forEach((moment, i) => { if (moment.act === "backward") for (const name of moment.boxes) complete.set(name, i); });

/** In small windows, what is said is "stacked" below the picture, or "beside" it; the panel is then below the window. */
const layoutNow = () => getComputedStyle(document.body).getPropertyValue("--layout").trim();
const SAID = { usual: 1 / 5, presenting: 1 / 3 }; // the most that is reserved for what is said, as a share of a wide window
const LEAST_PICTURE = 0.36; // of a narrow one
const TYPE = [1, 0.9, 0.8, 0.7, 0.6, 0.5]; // sizes, of the usual one
let longest = 0; // text of the play, in pixels
/** Measure the longest text of the play, and reserve room for it. */
function reserve() {
  const told = byId("told");
  const length = ({ text, formula, result, given, parts, additions }) => JSON.stringify(
    [text, formula, result, given, parts.map(({ origin, numbers }) => origin + numbers), additions.map(({ parameter, rule }) => parameter + rule)]).length;
  const most = [...moments].sort((one, other) => length(other) - length(one)).slice(0, 60);
  told.style.height = "auto";
  longest = Math.max(0, ...most.map(moment => { say(moment); return told.offsetHeight; }));
  told.style.height = "";
  allot();
  say(now() ? moments[now() - 1] : null);
}
/** Share out the height of the window, so that nothing moves, and the page is not scrolled, while the play goes on. */
function allot() {
  const high = name => document.querySelector(name).getBoundingClientRect().height;
  const [head, controls, layout] = [high("header"), high("#play") - high("#told"), layoutNow()];
  const most = innerHeight * SAID[document.body.matches(".presenting") ? "presenting" : "usual"];
  const left = layout === "stacked" ? innerHeight * (1 - LEAST_PICTURE) - head - controls : 0;
  const said = Math.min(longest, Math.max(most, left));
  document.body.style.setProperty("--told", `${said}px`);
  document.body.style.setProperty("--around", `${head + (layout === "beside" ? 0 : controls + said)}px`); // the picture
}
/** A text that is longer than its room is set in smaller type. */
function fitText() {
  const told = byId("told");
  for (const size of TYPE) {
    told.style.setProperty("--type", size);
    if (told.scrollHeight <= told.clientHeight + 1) return;
  }
}

/** Show the moment at the slider. What a quiz asks for stays hidden until it is answered. */
function stage() {
  const acting = now() ? moments[now() - 1] : null;
  const past = acting ? moments.slice(0, asking ? now() - 1 : now()) : [];
  const reached = new Set();
  for (const moment of past) if (moment.act === acting.act || story.fills) moment.boxes.forEach(name => reached.add(name));
  const lit = new Set(acting ? acting.boxes : []);
  const tracing = Boolean(acting) && acting.act === "back-trace";
  const traced = new Set(tracing ? past.filter(moment => moment.act === acting.act).flatMap(moment => moment.boxes) : []);
  const marked = !acting || (tracing && acting.number === acting.of && !asking); // whether the best paths are complete
  const early = name => Boolean(acting) && !(acting.act === "backward" && complete.get(name) < past.length); // no gradient yet
  const touched = dimNests(acting, new Set([...reached, ...lit]));
  const apart = ({ nest }) => !nest || touched.has(nest); // whether a part is dimmed individually
  for (const [name, box] of boxes) {
    const { group } = box;
    group.classList.toggle("unmarked", group.classList.contains("best") && !marked && !traced.has(name));
    const dim = Boolean(acting) && name in story.details && !reached.has(name) && !(lit.has(name) && !story.fills) && apart(box);
    group.classList.toggle("dim", dim);
    if (story.fills) group.classList.toggle("blank", dim);
    group.classList.toggle("now", lit.has(name));
    if (!apart(box) || box.legend) continue;
    group.classList.toggle("early", early(name));
    group.classList.toggle("unknown", acting?.act === "forward" && !reached.has(name));
  }
  const there = name => !acting || !(name in story.details) || reached.has(name) || lit.has(name);
  for (const line of lines) {
    const { group, ends: [tail, head] } = line;
    const path = group.classList.contains("path");
    const walked = !group.classList.contains("other") && traced.has(tail) && traced.has(head);
    const shown = path ? marked || walked : there(tail) && there(head);
    group.classList.toggle("dim", !shown && apart(line));
    const arriving = acting && !tracing && (acting.act === "backward" ? lit.has(tail) : lit.has(head));
    group.classList.toggle("now", Boolean(arriving && shown && !path));
    if (line.timed) group.classList.toggle("early", early(tail)); // of the others there are thousands, which look the same
  }
  markFolds();
  say(acting);
  showSums(asking ? now() - 1 : now());
  hush();
}
/** Whether the value, or the gradient, of a box may be shown: only once the play has reached it. */
function isKnown(name, fact) {
  const acting = now() ? moments[now() - 1] : null;
  if (!acting || !(name in story.details)) return true;
  const { group } = boxes.get(name);
  const faded = Boolean(group.closest(".faded"));
  if (fact === "gradient") return acting.act === "backward" && (!complete.has(name) || (!faded && !group.matches(".early")));
  return acting.act !== "forward" || (!faded && !group.matches(".unknown"));
}
/** The nests in which some box has been reached. In large pictures, the others are dimmed as groups, which is cheaper. */
function dimNests(acting, reached) {
  const touched = new Set();
  for (const name of reached) for (let nest = boxes.get(name)?.nest; nest; nest = nest.parent) touched.add(nest);
  const all = !acting || story.fills || !large;
  if (all) for (const nest of nests) touched.add(nest);
  for (const nest of nests) {
    const dim = !touched.has(nest) && (!nest.parent || touched.has(nest.parent));
    for (const group of nest.groups.slice(1)) group.classList.toggle("faded", dim); // except for the frames
  }
  return touched;
}
/** Highlight the folded steps and the buttons of the current step. */
function markFolds() {
  const lit = now() ? moments[now() - 1].boxes : [];
  const steps = new Set(lit.map(name => story.columns[name]));
  const shutIn = new Set(lit.map(name => coverOver(name)?.key));
  for (const bar of covers.children) {
    const acts = steps.has(bar.dataset.cover) || shutIn.has(bar.id.replace("cover-", ""));
    bar.classList.toggle("now", acts);
    const leading = boxes.get(bar.dataset.leading)?.group.classList;
    for (const look of ["op", "state", "result", "early", "dim"]) bar.classList.toggle(look, Boolean(leading?.contains(look)));
    if (acts) bar.classList.remove("dim");
  }
  for (const button of byId("steps").children) button.classList.toggle("now", steps.has(button.dataset.step));
}
function say(acting) {
  document.body.classList.toggle("started", Boolean(acting));
  byId("play").classList.toggle("back", Boolean(acting) && acting.act !== "forward");
  byId("said").replaceChildren();
  byId("equation").replaceChildren();
  byId("parts").replaceChildren();
  if (!acting) {
    byId("said").textContent = "Press play, or move the slider.";
    slider.setAttribute("aria-valuetext", "before the beginning");
    return;
  }
  const place = `${acting.act} ${acting.number} of ${acting.of}`;
  byId("said").append(make("b", {}, place), " ", typeset(asking ? withoutResult(acting) : acting.text));
  const result = !acting.result ? "" : asking ? " = ?" : ` = ${acting.result}`;
  if (acting.formula) byId("equation").append(typeset(acting.formula + result));
  sayParts(acting);
  fitText();
  slider.setAttribute("aria-valuetext", `${place}: ${acting.text} ${acting.formula}${result}`.replaceAll("_", ""));
}
/** What a sum is made of, the numbers of a formula, and the terms that drop into the sums of parameters. */
function sayParts({ parts, total, given, additions }) {
  const shown = parts.map(({ origin, numbers, strip }) => partOf(`from ${origin}`, numbers, strip));
  shown.forEach((part, i) => byId("parts").append(...(i ? ["+ "] : []), part));
  if (shown.length > 1 && total && !asking) byId("parts").append(make("span", { class: "total" }, "= ", partOf("sum", "", total)));
  if (given.length) byId("parts").append(make("span", { class: "given" }, "with ", typeset(given.join(", "))));
  const added = additions.slice(0, 3).map(({ parameter, rule }) => `${parameter}.grad += ${rule || "its term"}`);
  if (added.length) {
    const rest = additions.length > 3 ? ", …" : "";
    byId("parts").append(make("span", { class: "added" }, ...added.flatMap((words, i) => [i ? ", " : "", typesetRule(words)]), rest));
  }
}
/** Only the rule of a term is a formula: the name before it is the model's own. */
function typesetRule(words) {
  const at = words.indexOf(" += ");
  return make("span", {}, words.slice(0, at), typeset(words.slice(at)));
}
function partOf(origin, numbers, strip) {
  const part = make("span", { class: "part" });
  if (strip) part.append(stripOf(strip, `${origin}, as colours`));
  part.append(typeset(numbers ? `${numbers} ` : ""), make("em", {}, origin));
  return part;
}

/** Start or stop the timer. */
function keepTime(run) {
  clearInterval(timer);
  timer = run ? setInterval(tick, Number(byId("pace").value)) : null;
  setAll(byId("start"), { "data-running": String(run), "aria-label": run ? "Pause" : "Play" });
}
function tick() {
  if (asking) return;
  go(now() + 1);
  if (now() >= moments.length) keepTime(false);
}
function go(to) {
  const started = document.body.classList.contains("started");
  slider.value = String(to);
  ask();
  stage();
  if (now() && !started) afterFrame(comeCloser); // once, so that the whole picture stays where the user asks for it
  afterFrame(followPlay);
}
/** Bring a box of this moment into view, unless all is. */
function followPlay() {
  const box = now() && boxes.get(moments[now() - 1].boxes.find(name => !isHidden(name)));
  if (box && !fitted && !held.size) reveal(box);
}
const stepOf = moment => moment.act + (moment.boxes.map(name => story.columns[name]).find(Boolean) ?? "");
/** The first moment of the next or previous time step. */
function otherStep(by) {
  let to = now() + by;
  while (to > 0 && to < moments.length && stepOf(moments[to - 1]) === stepOf(moments[Math.max(now(), 1) - 1])) to += by;
  while (by < 0 && to > 1 && stepOf(moments[to - 2]) === stepOf(moments[to - 1])) to--;
  return Math.min(Math.max(to, 0), moments.length);
}
function play() {
  if (!timer && now() >= moments.length) go(0);
  keepTime(!timer);
}
slider.addEventListener("input", () => go(now()));
for (const [id, act] of Object.entries({
  back: () => go(now() - 1), forth: () => go(now() + 1), start: play,
  "back-step": () => go(otherStep(-1)), "forth-step": () => go(otherStep(1)),
})) byId(id).addEventListener("click", act);
byId("pace").addEventListener("change", () => { if (timer) keepTime(true); });
