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

/** The moment that is shown; null before the first one. */
const acting = () => (now() ? moments[now() - 1] : null);
/** How many moments have their results shown: all up to this one, unless its own is asked for. */
const past = () => (asking ? now() - 1 : now());
for (const box of boxes.values()) Object.assign(box, { first: {}, last: {} }); // the moments in which it takes part, by act
moments.forEach(({ act, boxes: names }, i) => {
  for (const { first, last } of names.map(name => boxes.get(name))) {
    first.any ??= i;
    first[act] ??= i;
    last[act] = i;
  }
});
/** Whether a box has had its turn in an act, or, in a picture that fills, in any, after so many moments. */
const isReached = ({ first }, { act }, count) => first[story.fills ? "any" : act] < count;
/** Whether the gradient of a box has arrived from all of its uses. */
const isComplete = ({ last }, { act }, count) => act === "backward" && last.backward < count;
/** Whether the value, or the gradient, of what has this name may be shown: only once the play has reached it. */
function isKnown(name, fact) {
  const [box, moment] = [boxes.get(name), acting()];
  if (!moment || !(name in story.details)) return true;
  if (fact === "gradient") return moment.act === "backward" && (!("backward" in box.last) || isComplete(box, moment, past()));
  return moment.act !== "forward" || isReached(box, moment, past());
}

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
  say(acting());
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
  const [moment, count] = [acting(), past()];
  const lit = new Set(moment?.boxes);
  const tracing = moment?.act === "back-trace";
  const isTraced = name => tracing && boxes.get(name)?.first["back-trace"] < count;
  const marked = !moment || (tracing && moment.number === moment.of && !asking); // whether the best paths are complete
  const isEarly = box => Boolean(moment) && !isComplete(box, moment, count);
  const isWaiting = box => Boolean(moment) && box.name in story.details && !isReached(box, moment, count);
  const touched = dimNests(box => lit.has(box.name) || (moment && isReached(box, moment, count)));
  const apart = ({ nest }) => !nest || touched.has(nest); // whether a part is dimmed individually
  for (const [name, box] of boxes) {
    const { group } = box;
    const dim = isWaiting(box) && (!lit.has(name) || story.fills) && apart(box);
    group.classList.toggle("unmarked", group.classList.contains("best") && !marked && !isTraced(name));
    group.classList.toggle("dim", dim);
    if (story.fills) group.classList.toggle("blank", dim);
    group.classList.toggle("now", lit.has(name));
    if (!apart(box) || box.legend) continue;
    group.classList.toggle("early", isEarly(box));
    group.classList.toggle("unknown", moment?.act === "forward" && !isReached(box, moment, count));
  }
  const isThere = name => lit.has(name) || !boxes.has(name) || !isWaiting(boxes.get(name));
  for (const line of lines) {
    const { group, ends } = line;
    const path = group.classList.contains("path");
    const walked = !group.classList.contains("other") && ends.every(isTraced);
    const shown = path ? marked || walked : ends.every(isThere);
    group.classList.toggle("dim", !shown && apart(line));
    const arriving = moment && !tracing && lit.has(ends[moment.act === "backward" ? 0 : 1]);
    group.classList.toggle("now", Boolean(arriving && shown && !path));
    if (line.timed) group.classList.toggle("early", boxes.has(ends[0]) && isEarly(boxes.get(ends[0]))); // of the others there are thousands, which look the same
  }
  markFolds();
  say(moment);
  showSums(count);
  hush();
}
/** The nests in which some box is shown. In large pictures, the others are dimmed as groups, which is cheaper. */
function dimNests(isShown) {
  const all = !acting() || story.fills || !large;
  const touched = new Set(all ? nests : []);
  if (!all) for (const box of boxes.values()) if (isShown(box)) for (let { nest } = box; nest; nest = nest.parent) touched.add(nest);
  for (const nest of nests) {
    const dim = !touched.has(nest) && (!nest.parent || touched.has(nest.parent));
    for (const group of nest.groups.slice(1)) group.classList.toggle("faded", dim); // except for the frames
  }
  return touched;
}
/** Highlight the folded steps and the buttons of the current step. */
function markFolds() {
  const lit = acting()?.boxes ?? [];
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
function say(moment) {
  document.body.classList.toggle("started", Boolean(moment));
  byId("play").classList.toggle("back", Boolean(moment) && moment.act !== "forward");
  for (const part of byId("told").children) part.replaceChildren();
  if (!moment) {
    byId("said").textContent = "Press play, or move the slider.";
    slider.setAttribute("aria-valuetext", "before the beginning");
    return;
  }
  const place = `${moment.act} ${moment.number} of ${moment.of}`;
  byId("said").append(make("b", {}, place), " ", typeset(asking ? withoutResult(moment) : moment.text));
  const result = !moment.result ? "" : asking ? " = ?" : ` = ${moment.result}`;
  if (moment.formula) byId("equation").append(typeset(moment.formula + result));
  sayParts(moment);
  fitText();
  slider.setAttribute("aria-valuetext", `${place}: ${moment.text} ${moment.formula}${result}`.replaceAll("_", ""));
}
/** What a sum is made of, the numbers of a formula, and the terms that drop into the sums of parameters. */
function sayParts({ parts, total, given, additions }) {
  const shown = parts.map(({ origin, numbers, strip }) => partOf(`from ${origin}`, numbers, strip));
  shown.forEach((part, i) => byId("parts").append(...(i ? ["+ "] : []), part));
  if (shown.length > 1 && total && !asking) byId("parts").append(make("span", { class: "total" }, "= ", partOf("sum", "", total)));
  if (given.length) byId("parts").append(make("span", { class: "given" }, "with ", typeset(given.join(", "))));
  const added = additions.slice(0, 3).flatMap(({ parameter, rule }, i) => // only the rule is a formula: the name is the model's own
    [i ? ", " : "", make("span", {}, `${parameter}.grad`, typeset(` += ${rule || "its term"}`))]);
  if (added.length) byId("parts").append(make("span", { class: "added" }, ...added, additions.length > 3 ? ", …" : ""));
}
function partOf(origin, numbers, strip) {
  const part = make("span", { class: numbers ? "part told" : "part" });
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
  const box = boxes.get(acting()?.boxes.find(name => !isHidden(name)));
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
