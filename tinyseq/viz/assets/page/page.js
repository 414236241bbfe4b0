// The page: themes, global keys, and start-up.

const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");
let chosenNight = null; // the user's choice, if any
function setTheme() {
  const night = !paper.matches && (chosenNight ?? dark.matches);
  document.documentElement.classList.toggle("night", night);
  byId("night").setAttribute("aria-pressed", String(night));
  showSums(now());
}
byId("night").addEventListener("click", () => {
  chosenNight = !document.documentElement.classList.contains("night");
  setTheme();
});
dark.addEventListener("change", setTheme);
paper.addEventListener("change", setTheme);
window.addEventListener("beforeprint", fit);

byId("ask").addEventListener("click", () => byId("help").showModal());
const everywhere = {
  " ": play, ",": () => go(now() - 1), ".": () => go(now() + 1), "[": () => go(otherStep(-1)), "]": () => go(otherStep(1)),
  "/": () => byId("search").focus(), "?": () => byId("help").showModal(),
};
window.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const busy = event.target.closest("input[type=search], select") || (event.key === " " && event.target.closest("button"));
  if (busy || !everywhere[event.key]) return;
  event.preventDefault();
  everywhere[event.key]();
});

document.body.classList.toggle("bare", byId("steps-section").hidden && byId("modules-section").hidden && !parameters.size);
setTheme();
arrange();
fit();
const { width, height } = picture.getBoundingClientRect();
if (innerWidth <= 860 && width / height < (0.6 * home[2]) / home[3]) { // start at the left part of a long picture, at a legible size
  fitted = false;
  show(home[0], home[1], (home[3] * width) / height, home[3]);
}
stage();
