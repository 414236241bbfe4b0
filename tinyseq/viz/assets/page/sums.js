// The gradients of the parameters, accumulated term by term.

const BAR = { height: 44, left: 56, bottom: 13 }; // on the left, a number such as 0.0000012
const parameters = new Map(); // by name, with their terms
for (const [name, shown] of Object.entries(story.parameters)) parameters.set(name, { name, terms: [], ...shown });

/** Collect the terms of all moments, and build the list of parameters. */
function prepareSums(moments) {
  moments.forEach((moment, number) => {
    for (const { parameter, ...term } of moment.additions) parameters.get(parameter).terms.push({ moment: number, ...term });
  });
  for (const parameter of parameters.values()) if (!parameter.terms.length) parameters.delete(parameter.name);
  for (const parameter of parameters.values()) {
    byId("chosen").append(make("option", { value: parameter.name }, parameter.name));
    parameter.said = make("span");
    const heading = make("div", { class: "name" }, named(parameter.name), parameter.said);
    parameter.item = make("li", { "data-parameter": parameter.name }, heading, barsOf(parameter));
    byId("sums").append(parameter.item);
  }
  if (parameters.size) byId("chosen").prepend(make("option", { value: "", selected: "" }, "the latest"));
  const highest = Math.max(0, ...[...parameters.values()].map(parameter => sizeOf(parameter)[1]));
  for (const id of ["term", "sum"]) byId(id).parentElement.style.minHeight = `calc(${highest}px + 4rem)`; // what is below stays
}
/** A bar chart of the norms of the terms, by step, with axes. It grows with the terms. */
function barsOf(parameter) {
  const at = term => Number((/-?\d+/.exec(term.step) || [NaN])[0]);
  const known = parameter.terms.map(at).filter(step => !Number.isNaN(step));
  const last = Math.max(...known);
  const place = term => (Number.isNaN(at(term)) ? last - 0.5 : at(term));
  parameter.sorted = [...parameter.terms].sort((a, b) => place(a) - place(b));
  const { left, height, bottom } = BAR;
  const width = 300;
  const pitch = (width - left) / Math.max(parameter.sorted.length, 3);
  const label = `terms of ${parameter.name}, by step; arrow keys go from one to the next`;
  const chart = draw("svg", { viewBox: `0 0 ${width} ${height + bottom}`, id: `bars-${parameter.name}`, tabindex: "0", role: "img", "aria-label": label });
  chart.append(draw("path", { class: "axis", d: `M${left} 0V${height}H${width}` }));
  parameter.top = draw("text", { x: left - 4, y: 9, "text-anchor": "end" });
  chart.append(parameter.top, draw("text", { x: left - 4, y: height, "text-anchor": "end" }, "0"));
  parameter.sorted.forEach((term, i) => {
    term.bar = draw("rect", { x: left + i * pitch + 1, width: Math.max(pitch - 2, 0.8) });
    chart.append(term.bar);
    if (!i || i === parameter.sorted.length - 1) {
      const x = left + (i + 0.5) * pitch;
      chart.append(draw("text", { x, y: height + 11, "text-anchor": "middle" }, term.step.replace("t = ", "") || "use"));
    }
    term.bar.addEventListener("pointerenter", () => tellTerm(parameter, term));
  });
  onArrows(chart, ([right]) => {
    const added = arrived({ terms: parameter.sorted }, showing);
    const at = added.indexOf(parameter.told);
    parameter.told = added[at < 0 ? 0 : clamp(at + right, added.length)];
    if (parameter.told) tellTerm(parameter, parameter.told);
  });
  return chart;
}
const tellTerm = ({ name }, { step, norm }) => tellCell(`${name}: ${step || "one use"} adds a norm of ${shortly(norm, 4)}`);
const clamp = (at, end) => Math.min(Math.max(at, 0), end - 1);
/** What arrow keys do on an element that has the focus. */
function onArrows(element, act) {
  element.onkeydown = event => {
    if (!ARROWS[event.key]) return;
    event.preventDefault();
    act(ARROWS[event.key]);
  };
}
/** Tell the number of what is pointed at, or of what the arrow keys have gone to. */
function tellCell(words) {
  if (byId("cell").textContent !== words) byId("cell").textContent = words;
}
/** Draw the bars of the terms that have been added; the axis ends at the largest of them. */
function drawBars({ terms, top }, now) {
  const added = terms.filter(({ moment }) => moment < now);
  const most = Math.max(0, ...added.map(({ norm }) => norm ?? 0));
  top.textContent = most ? shortly(most, 2) : "";
  for (const term of terms) {
    const { bar, norm, moment } = term;
    const share = norm === null ? 1 : most > 0 ? norm / most : 0;
    const height = moment < now ? Math.max(share * BAR.height, 0.6) : 0;
    if (term.height !== height) setAll(bar, { y: BAR.height - height, height }); // the same again would be laid out again
    term.height = height;
    bar.classList.toggle("now", moment === now - 1);
  }
}

/** The size in which a gradient is shown, in pixels. */
function sizeOf({ rows, columns: across }) {
  const cell = Math.min(26, 150 / across, 240 / rows);
  return [Math.max(across * cell, 60), Math.max(rows * cell, 12)];
}
const arrived = (parameter, now) => parameter.terms.filter(({ moment }) => moment < now);
/** The sum of a parameter's terms: the part of W.grad that is shown. */
function summed({ rows, columns: across }, terms) {
  const sum = new Float64Array(rows * across);
  for (const term of terms) {
    term.numbers ||= unpack(term.term);
    term.numbers.forEach((value, i) => { sum[i] += value; });
  }
  return sum;
}
let showing = 0; // moments
/** Show the gradients after this many moments. */
function showSums(now) {
  showing = now;
  byId("sums-section").hidden = !parameters.size;
  for (const parameter of parameters.values()) {
    const isNow = parameter.terms.some(term => term.moment === now - 1);
    const latest = arrived(parameter, now).at(-1);
    const total = latest ? latest.total : 0; // null if it is not finite
    parameter.item.classList.toggle("now", isNow);
    parameter.item.dataset.total = String(total);
    parameter.said.textContent = `norm ${shortly(total, 4)}`;
    drawBars(parameter, now);
  }
  const when = parameter => arrived(parameter, now).at(-1)?.moment ?? -1;
  const latest = [...parameters.values()].sort((a, b) => when(b) - when(a) || b.rows * b.columns - a.rows * a.columns);
  byId("sums-section").classList.toggle("empty", !latest.some(parameter => when(parameter) >= 0));
  showNumbers(parameters.get(byId("chosen").value) || latest[0], now);
}
/** Show the latest term of a parameter's gradient and the sum so far. */
function showNumbers(parameter, now) {
  if (!parameter) return;
  const { name, rows, columns: across, whole: isWhole, shape, terms } = parameter;
  parameter.limit ||= largest(summed(parameter, terms));
  const added = arrived(parameter, now);
  const last = added.at(-1)?.moment;
  const latest = added.filter(({ moment }) => moment === last);
  const [term, sum] = [summed(parameter, latest), summed(parameter, added)];
  const limit = Math.max(parameter.limit, largest(sum)) || 1;
  const part = isWhole ? "" : `, first ${rows} × ${across}`;
  const steps = [...new Set(latest.map(({ step }) => step).filter(Boolean))];
  const who = steps.slice(0, 2).join(", ") + (steps.length > 2 ? ", …" : "") || "one use";
  byId("term-said").textContent = !latest.length ? "no term yet" : last === now - 1 ? `${who} adds` : `${who} added`;
  byId("sum-said").replaceChildren(named(`${name}.grad`), ` ${shape}${part}`);
  tellCell(`blue: negative, orange: positive; full colour at ±${shortly(limit)}`);
  for (const [id, numbers] of [["term", term], ["sum", sum]]) {
    const canvas = byId(id);
    heat(canvas, numbers, rows, across, limit);
    const [wide, high] = sizeOf(parameter);
    Object.assign(canvas.style, { width: `${wide}px`, height: `${high}px` });
    const most = shortly(largest(numbers), 4);
    canvas.setAttribute("aria-label", `${byId(`${id}-said`).textContent}; the largest of ${numbers.length} numbers is ${most}`);
    const number = (row, column) => `[${rows > 1 ? `${row}, ${column}` : column}]: ${shortly(numbers[row * across + column], 5)}`;
    canvas.onpointermove = ({ offsetX, offsetY }) => {
      const row = Math.min(Math.floor((offsetY / canvas.clientHeight) * rows), rows - 1);
      tellCell(number(row, Math.min(Math.floor((offsetX / canvas.clientWidth) * across), across - 1)));
    };
    canvas.onblur = () => { canvas.cell = null; };
    onArrows(canvas, ([right, down]) => {
      canvas.cell = canvas.cell ? [clamp(canvas.cell[0] + down, rows), clamp(canvas.cell[1] + right, across)] : [0, 0];
      tellCell(number(...canvas.cell));
    });
  }
}
byId("chosen").addEventListener("change", () => showSums(now()));
