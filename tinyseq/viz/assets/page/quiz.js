// The quiz: the next number stays hidden until it is given, to within 2 %.

const NEAR = 0.02; // relative error that counts as right
const SMALL = 0.002; // or absolute error, for numbers that were rounded on the way
let quizzing = false;
let asking = false; // whether the number of this moment is asked for
let answered = 0; // right answers
let posed = 0;
const done = new Set(); // moments whose number has been given or shown

const isAsking = () => Boolean(quizzing && acting()?.asked && !done.has(now()));
/** Ask for the number of this moment, if it has one. */
function ask() {
  asking = isAsking();
  byId("question").hidden = !asking;
  if (!asking) return;
  byId("asked").replaceChildren("What is ", typeset(acting().asked), "? ");
  byId("answer").value = "";
  byId("verdict").textContent = "";
}
const isNear = (given, right) => Math.abs(given - right) <= Math.max(NEAR * Math.abs(right), SMALL * Math.min(1, Math.abs(right) * 10));
/** Check an answer, or reveal the number. */
function reply(given) {
  const { answer } = acting();
  const right = given !== null && isNear(given, answer);
  if (!right && given !== null) {
    byId("verdict").textContent = Number.isNaN(given) ? "Please enter a number." : "Not yet: try again, or show it.";
    fitText();
    return;
  }
  posed += 1;
  answered += Number(right);
  done.add(now());
  asking = false;
  if (byId("question").contains(document.activeElement)) picture.focus();
  byId("question").hidden = true;
  byId("verdict").textContent = `${right ? "Right" : "It is"}: ${shortly(answer, 4)}. ${answered} of ${posed} right.`;
  stage();
}
/** Sentences of trellises end with their result. */
const withoutResult = ({ text, formula }) => (formula ? text : `${text.slice(0, text.lastIndexOf(" = "))} = ?`);

byId("quiz").addEventListener("submit", event => {
  event.preventDefault();
  const words = byId("answer").value.trim().replace(",", ".").replace("−", "-");
  reply(words === "" ? NaN : Number(words));
});
byId("give").addEventListener("click", () => reply(null));
function quiz() {
  quizzing = !quizzing;
  byId("quizzing").setAttribute("aria-pressed", String(quizzing));
  byId("quiz").hidden = !quizzing;
  [answered, posed] = [0, 0];
  done.clear();
  byId("verdict").textContent = "Step forward: you are asked for each number before it is shown.";
  if (quizzing && now() >= moments.length) slider.value = "0";
  ask();
  allot();
  stage();
  if (asking) byId("answer").focus();
}
byId("quizzing").addEventListener("click", quiz);
byId("quiz").addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  quiz();
  byId("quizzing").focus();
});
