// The page: themes, global keys, and start-up.

let chosenDark = null; // the user's choice, if any
function setTheme() {
  const dark = !onPaper && (chosenDark ?? isDark());
  const page = document.documentElement;
  page.style.colorScheme = dark ? "dark" : "light";
  page.classList.toggle("dark", dark);
  byId("dark").setAttribute("aria-pressed", String(dark));
  showSums(now()); // whose colours are painted
}
byId("dark").addEventListener("click", () => {
  chosenDark = !document.documentElement.matches(".dark");
  setTheme();
});
onTheme(setTheme);
/** Get ready for paper, on which all of the picture is seen, or for the screen. */
function print(begins) {
  if (begins === onPaper) return;
  onPaper = begins;
  setTheme();
  shorten(begins);
  fitted = true;
  show(...home); // back on the screen, it has no size yet: that is observed
  layOut(begins);
}
const paper = matchMedia("print");
paper.addEventListener("change", () => print(paper.matches));
window.addEventListener("beforeprint", () => print(true)); // not every browser fires both
window.addEventListener("afterprint", () => print(false));

/** Fold the panel away, or show it. */
function togglePanel(folded = !document.body.classList.contains("panel-folded")) {
  if (folded && byId("panel").contains(document.activeElement)) byId("fold-panel").focus();
  document.body.classList.toggle("panel-folded", folded);
  byId("fold-panel").setAttribute("aria-expanded", String(!folded));
}
/** Presenter mode: the picture and what is said about it, in large type, without controls. */
function present(on = !document.body.classList.contains("presenting")) {
  document.body.classList.toggle("presenting", on);
  byId("present").setAttribute("aria-pressed", String(on));
  afterFrame(reserve);
  if (on) document.activeElement.blur();
  else if (document.activeElement === document.body) byId("present").focus();
  if (fitted) keepInView();
}
byId("fold-panel").addEventListener("click", () => togglePanel());
byId("present").addEventListener("click", () => present());

byId("ask").addEventListener("click", () => byId("help").showModal());
const everywhere = {
  " ": play, ",": () => go(now() - 1), ".": () => go(now() + 1), PageUp: () => go(now() - 1), PageDown: () => go(now() + 1), "[": () => go(otherStep(-1)), "]": () => go(otherStep(1)),
  "/": () => byId("search").focus(), "?": () => byId("help").showModal(), q: quiz, b: () => togglePanel(), p: () => present(),
  Escape: () => present(false),
};
window.addEventListener("keydown", event => {
  const shortcut = event.metaKey || ((event.ctrlKey || event.altKey) && !"[]".includes(event.key)); // of the browser
  if (shortcut || byId("help").open) return;
  const busy = event.target.closest("input:not([type=range]), select") || (event.key === " " && event.target.closest("button"));
  if (busy || !everywhere[event.key]) return;
  event.preventDefault();
  everywhere[event.key]();
  if (asking) byId("answer").focus();
});

togglePanel(embedded);
reserve();
window.addEventListener("resize", reserve);
document.body.classList.toggle("bare", byId("steps-section").hidden && byId("modules-section").hidden && !parameters.size);
setTheme();
const { width, height } = picture.getBoundingClientRect();
room = [width, height];
arrange();
fit(false);
stage();
print(paper.matches);
