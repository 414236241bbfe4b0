// Playing: the computation forward, then backward or along the best path, box by box.

const moments = story.acts.flatMap(({ name: act, events }) =>
  events.map((event, i) => ({ act, number: i + 1, of: events.length, ...event })));
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

/** Show the moment at the slider. */
function stage() {
  const acting = now() ? moments[now() - 1] : null;
  const reached = new Set();
  for (const moment of acting ? moments.slice(0, now()) : []) {
    if (moment.act === acting.act || story.fills) moment.boxes.forEach(name => reached.add(name));
  }
  const lit = new Set(acting ? acting.boxes : []);
  const tracing = Boolean(acting) && acting.act === "back-trace";
  const traced = new Set(tracing ? moments.slice(0, now()).filter(moment => moment.act === acting.act).flatMap(moment => moment.boxes) : []);
  const marked = !acting || (tracing && acting.number === acting.of); // whether the best paths are complete
  const touched = dimNests(acting, reached);
  const apart = ({ nest }) => !nest || touched.has(nest); // whether a part is dimmed individually
  for (const [name, box] of boxes) {
    const { group } = box;
    group.classList.toggle("unmarked", group.classList.contains("best") && !marked && !traced.has(name));
    group.classList.toggle("dim", Boolean(acting) && name in story.details && !reached.has(name) && apart(box));
    group.classList.toggle("now", lit.has(name));
  }
  const there = name => !acting || !(name in story.details) || reached.has(name);
  for (const line of lines) {
    const { group, ends: [tail, head] } = line;
    const path = group.classList.contains("path");
    const walked = !group.classList.contains("other") && traced.has(tail) && traced.has(head);
    const shown = path ? marked || walked : there(tail) && there(head);
    group.classList.toggle("dim", !shown && apart(line));
    const arriving = acting && !tracing && (acting.act === "backward" ? lit.has(tail) : lit.has(head));
    group.classList.toggle("now", Boolean(arriving && shown && !path));
  }
  markFolds(lit);
  say(acting);
  showSums(now());
}
/** The nests in which something is reached. In large pictures, the others are dimmed as groups, which is cheaper. */
function dimNests(acting, reached) {
  const touched = new Set();
  for (const name of reached) for (let nest = boxes.get(name)?.nest; nest; nest = nest.parent) touched.add(nest);
  const all = !acting || story.fills || boxes.size <= LIVELY;
  if (all) for (const nest of nests.values()) touched.add(nest);
  for (const nest of nests.values()) {
    const dim = !touched.has(nest) && (!nest.parent || touched.has(nest.parent));
    for (const group of nest.groups.slice(1)) group.classList.toggle("faded", dim); // except for the frames
  }
  return touched;
}
/** Highlight the folded steps and the buttons of the current step. */
function markFolds(lit) {
  const steps = new Set([...lit].map(name => story.columns[name]));
  for (const bar of covers.children) bar.classList.toggle("now", steps.has(bar.dataset.cover));
  for (const button of byId("steps").children) button.classList.toggle("now", steps.has(button.dataset.step));
}
function say(acting) {
  const said = byId("said");
  byId("play").classList.toggle("back", Boolean(acting) && acting.act !== "forward");
  const place = acting && `${acting.act} ${acting.number} of ${acting.of}`;
  const sentence = acting && acting.text + (acting.additions.length ? `; adds to ${names(acting.additions)}` : "");
  if (acting) said.replaceChildren(make("b", {}, place), " ", sentence);
  else said.textContent = "Press play, or move the slider.";
  slider.setAttribute("aria-valuetext", acting ? `${place}: ${sentence}` : "before the beginning");
}
const names = additions => {
  const found = [...new Set(additions.map(({ parameter }) => `${parameter}.grad`))];
  return found.length > 3 ? `${found.slice(0, 3).join(", ")}, …` : found.join(", ");
};

/** Start or stop the timer. */
function keepTime(run) {
  clearInterval(timer);
  timer = run ? setInterval(tick, Number(byId("pace").value)) : null;
  setAll(byId("start"), { "aria-pressed": String(run), "aria-label": run ? "Pause" : "Play" });
}
function tick() {
  go(now() + 1);
  if (now() >= moments.length) keepTime(false);
}
function go(to) {
  slider.value = String(to);
  stage();
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
