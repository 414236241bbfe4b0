// The gradients of the parameters, accumulated term by term.

const parameters = new Map(); // by name: what is shown of a parameter, its terms, and those of them that are `added` so far
for (const [name, shown] of Object.entries(story.parameters)) parameters.set(name, { name, terms: [], ...shown });
let showing = 0; // moments

/** Collect the terms of all moments, and build the list of parameters. */
function prepareSums(moments) {
  moments.forEach((moment, number) => {
    for (const { parameter, ...term } of moment.additions) parameters.get(parameter).terms.push({ moment: number, ...term });
  });
  for (const parameter of parameters.values()) if (!parameter.terms.length) parameters.delete(parameter.name);
  for (const parameter of parameters.values()) {
    const { name } = parameter;
    byId("chosen").append(make("option", { value: name }, name));
    parameter.said = make("span");
    parameter.bars = barsOf(parameter);
    parameter.item = make("li", { "data-parameter": name }, make("div", { class: "name" }, named(name), parameter.said), parameter.bars);
    byId("sums").append(parameter.item);
  }
  byId("sums-section").hidden = !parameters.size;
  const highest = Math.max(0, ...[...parameters.values()].map(parameter => sizeOf(parameter)[1]));
  for (const id of ["term", "sum"]) byId(id).parentElement.style.minHeight = `calc(${highest}px + 4rem)`; // what is below stays
}
/** A bar chart of the norms of the terms, by step. It grows with the terms. */
function barsOf({ name, terms }) {
  const at = ({ step }) => step.match(/-?\d+/)?.map(Number)[0];
  const last = Math.max(...terms.map(at).filter(Number.isInteger));
  const place = term => at(term) ?? last - 0.5; // the steps that are not shown are before the last one
  const sorted = terms.toSorted((one, other) => place(one) - place(other));
  for (const term of sorted) term.bar = make("i");
  const label = `terms of ${name}, by step; arrow keys go from one to the next`;
  const bars = make("div", { class: "bars", id: `bars-${name}`, tabindex: "0", role: "img", "aria-label": label }, ...sorted.map(({ bar }) => bar));
  bars.style.setProperty("--count", sorted.length);
  const places = Math.max(sorted.length, LEAST_BARS);
  for (const i of new Set([0, sorted.length - 1])) {
    const words = make("span", {}, sorted[i].step.replace("t = ", "") || "use");
    words.style.left = `${(100 * (i + 0.5)) / places}%`;
    bars.append(words);
  }
  explore(bars, 1, places, (row, i) => {
    const { step, moment, norm } = sorted[Math.min(i, sorted.length - 1)];
    return `${name}: ${step || "one use"} ${moment < showing ? `adds a norm of ${shortly(norm, 4)}` : "has added nothing yet"}`;
  });
  return bars;
}
const LEAST_BARS = 3; // a chart has room for
/** Draw the bars of the terms that have been added; the axis ends at the largest of them. */
function drawBars({ terms, added, bars }) {
  const most = Math.max(0, ...added.map(({ norm }) => norm ?? 0));
  const words = most ? shortly(most, 2) : "";
  if (bars.dataset.most !== words) bars.dataset.most = words; // the same again would be laid out again
  for (const term of terms) {
    const { bar, norm, moment } = term;
    const share = moment >= showing ? 0 : norm === null ? 1 : Math.max(norm / most || 0, 0.015); // a line is left of small ones
    if (term.share !== share) bar.style.height = `${100 * share}%`;
    term.share = share;
    bar.classList.toggle("now", moment === showing - 1);
  }
}

/** Tell, below the pictures, what is pointed at, or what the arrow keys have gone to. */
function tellCell(words) {
  if (byId("cell").textContent !== words) byId("cell").textContent = words;
}
/** Tell of a cell, of a part that consists of rows and columns of them, in words. */
function explore(part, rows, across, words) {
  const goTo = (row, column) => {
    part.cell = [clamp(row, rows), clamp(column, across)];
    tellCell(words(...part.cell));
  };
  part.onpointermove = ({ offsetX, offsetY }) =>
    goTo(Math.floor((offsetY / part.clientHeight) * rows), Math.floor((offsetX / part.clientWidth) * across));
  part.onblur = () => { part.cell = null; };
  onArrows(part, ([right, down]) => (part.cell ? goTo(part.cell[0] + down, part.cell[1] + right) : goTo(0, 0)));
}

/** The size in which a gradient is shown, in pixels. */
function sizeOf({ rows, columns: across }) {
  const cell = Math.min(26, 150 / across, 240 / rows);
  return [Math.max(across * cell, 60), Math.max(rows * cell, 12)];
}
/** The sum of a parameter's terms: the part of W.grad that is shown. */
function summed({ rows, columns: across }, terms) {
  const sum = new Float64Array(rows * across);
  for (const term of terms) {
    term.numbers ||= unpack(term.term);
    term.numbers.forEach((value, i) => { sum[i] += value; });
  }
  return sum;
}
/** Show the gradients after this many moments. */
function showSums(now) {
  showing = now;
  const when = ({ added }) => added.at(-1)?.moment ?? -Infinity;
  for (const parameter of parameters.values()) {
    parameter.added = parameter.terms.filter(({ moment }) => moment < now);
    const total = parameter.added.length ? parameter.added.at(-1).total : 0; // null if it is not finite
    parameter.item.classList.toggle("now", when(parameter) === now - 1);
    parameter.item.dataset.total = String(total);
    parameter.said.textContent = `norm ${shortly(total, 4)}`;
    drawBars(parameter);
  }
  const [latest] = [...parameters.values()].sort((a, b) => when(b) - when(a) || b.rows * b.columns - a.rows * a.columns);
  byId("sums-section").classList.toggle("empty", !latest?.added.length);
  if (latest) showNumbers(parameters.get(byId("chosen").value) ?? latest);
}
/** Show the latest term of a parameter's gradient and the sum so far. */
function showNumbers(parameter) {
  const { name, rows, columns: across, whole: isWhole, shape, terms, added } = parameter;
  const last = added.at(-1)?.moment;
  const latest = added.filter(({ moment }) => moment === last);
  const steps = [...new Set(latest.map(({ step }) => step).filter(Boolean))];
  const who = steps.slice(0, 2).join(", ") + (steps.length > 2 ? ", …" : "") || "one use";
  byId("term-said").textContent = !latest.length ? "no term yet" : last === showing - 1 ? `${who} adds` : `${who} added`;
  byId("sum-said").replaceChildren(named(`${name}.grad`), ` ${shape}${isWhole ? "" : `, first ${rows} × ${across}`}`);
  const shown = { term: summed(parameter, latest), sum: summed(parameter, added) };
  parameter.limit ||= largest(summed(parameter, terms));
  const limit = Math.max(parameter.limit, largest(shown.sum)) || 1;
  tellCell(`blue: negative, orange: positive; full colour at ±${shortly(limit)}`);
  for (const [id, numbers] of Object.entries(shown)) {
    const canvas = byId(id);
    heat(canvas, numbers, rows, across, limit);
    const [wide, high] = sizeOf(parameter);
    Object.assign(canvas.style, { width: `${wide}px`, height: `${high}px` });
    const most = shortly(largest(numbers), 4);
    canvas.setAttribute("aria-label", `${byId(`${id}-said`).textContent}; the largest of ${numbers.length} numbers is ${most}`);
    explore(canvas, rows, across, (row, column) =>
      `[${rows > 1 ? `${row}, ${column}` : column}]: ${shortly(numbers[row * across + column], 5)}`);
  }
}
byId("chosen").addEventListener("change", () => showSums(now()));
