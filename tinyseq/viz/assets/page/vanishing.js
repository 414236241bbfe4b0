// An RNN and an LSTM, forward and backward in time, and the norms of their gradients at each step.

const data = JSON.parse(byId("story").textContent);
const { states: H, inputs: D } = data;
const x = unpack(data.x);
const y = unpack(data.y);
function layerOf({ weight_ih, weight_hh, bias_ih, bias_hh }) {
  const other = unpack(bias_hh);
  return { ih: unpack(weight_ih), hh: unpack(weight_hh), b: Float64Array.from(unpack(bias_ih), (bias, i) => bias + other[i]) };
}
const layers = { rnn: layerOf(data.rnn), lstm: layerOf(data.lstm) };

const sigmoid = a => 1 / (1 + Math.exp(-a));
const norm = vector => Math.hypot(...vector);
const zeros = () => new Float64Array(H);
/** W_ih x_t + W_hh h + b, with the recurrent weights scaled. */
function sums({ ih, hh, b }, t, h, scale) {
  return b.map((bias, row) => {
    let sum = bias;
    for (let i = 0; i < D; i++) sum += ih[row * D + i] * x[t * D + i];
    for (let i = 0; i < H; i++) sum += scale * hh[row * H + i] * h[i];
    return sum;
  });
}
/** W_hhᵀ da. */
function back({ hh }, da, scale) {
  const dh = zeros();
  da.forEach((d, row) => { for (let i = 0; i < H; i++) dh[i] += scale * hh[row * H + i] * d; });
  return dh;
}
/** The gradient of the loss that a step's state gets from its output: of ½ Σ (h - y)², at the last step or as a mean over all. */
function fromOutput(t, h, { steps, all }) {
  if (!all && t < steps - 1) return zeros();
  return h.map((value, i) => (value - y[t * H + i]) / (all ? steps : 1));
}
/**
 * What a layer's backward pass finds at each step. `forth` makes a step of the sums before it and of the last step;
 * `back` finds the gradients `da` of the sums, and what else the step before it needs, of the step, dL/dh and the next step's.
 */
function throughTime(layer, settings, cell) {
  const { steps, scale } = settings;
  const past = [];
  for (let t = 0; t < steps; t++) past.push(cell.forth(sums(layer, t, past[t - 1]?.h ?? zeros(), scale), past[t - 1]));
  const found = new Array(steps);
  for (let t = steps - 1; t >= 0; t--) {
    const later = found[t + 1] ? back(layer, found[t + 1].da, scale) : zeros();
    found[t] = cell.back(past[t], fromOutput(t, past[t].h, settings).map((value, i) => value + later[i]), found[t + 1]);
  }
  return found;
}
const RNN = {
  forth: a => ({ h: a.map(Math.tanh) }),
  back: ({ h }, dh) => ({ dh, da: dh.map((value, i) => value * (1 - h[i] ** 2)) }),
};
/** An LSTM, whose gates are stacked in the order i, f, g, o; and the direct path through its cells, where only f multiplies. */
const LSTM = {
  forth(a, last) {
    const [i, f, g, o] = [0, 1, 2, 3].map(gate => a.subarray(gate * H, (gate + 1) * H).map(gate === 2 ? Math.tanh : sigmoid));
    const before = last?.c ?? zeros();
    const c = f.map((value, k) => value * before[k] + i[k] * g[k]);
    return { i, f, g, o, before, c, h: o.map((value, k) => value * Math.tanh(c[k])) };
  },
  back({ i, f, g, o, before, c }, dh, next) {
    const dc = dh.map((value, k) => value * o[k] * (1 - Math.tanh(c[k]) ** 2) + (next ? next.dc[k] * next.f[k] : 0));
    const path = next ? next.path.map((value, k) => value * next.f[k]) : dc;
    const da = new Float64Array(4 * H);
    for (let k = 0; k < H; k++) {
      da[k] = dc[k] * g[k] * i[k] * (1 - i[k]);
      da[H + k] = dc[k] * before[k] * f[k] * (1 - f[k]);
      da[2 * H + k] = dc[k] * i[k] * (1 - g[k] ** 2);
      da[3 * H + k] = dh[k] * Math.tanh(c[k]) * o[k] * (1 - o[k]);
    }
    return { f, dc, path, da };
  },
};
/** The norms of dL/dh_t in an RNN. */
const rnnNorms = settings => ({ h: throughTime(layers.rnn, settings, RNN).map(({ dh }) => norm(dh)) });
/** The norms of dL/dc_t in an LSTM, and of what the last of them becomes on the direct path; and the geometric mean of the gates there. */
function lstmNorms(settings) {
  const { forget } = settings;
  const b = layers.lstm.b.map((bias, row) => (forget !== null && row >= H && row < 2 * H ? forget : bias));
  const found = throughTime({ ...layers.lstm, b }, settings, LSTM);
  const gates = found.slice(1).flatMap(({ f }) => [...f]);
  const gate = Math.exp(gates.reduce((sum, f) => sum + Math.log(f), 0) / gates.length);
  return { c: found.map(({ dc }) => norm(dc)), path: found.map(({ path }) => norm(path)), gate };
}

// -- display -----------------------------------------------------------------------------------------------------------

const CHART = { width: 420, height: 230, left: 54, right: 12, top: 16, bottom: 40, box: 22 };
const NAME = 84; // the room for the name of a curve, in width
const FLOOR = 1e-30; // smaller norms are drawn as this one

function settingsNow() {
  const forget = Number(byId("forget").value);
  return {
    steps: Number(byId("steps").value),
    scale: Number(byId("scale").value),
    forget: forget < 0 ? null : forget,
    all: byId("all").checked,
  };
}
const perStep = norms => (norms.length < 2 ? 1 : (norms[0] / norms[norms.length - 1]) ** (1 / (norms.length - 1)));

/** A row of boxes, one for each step, as dark as its gradient is large; and the norms on a logarithmic axis. */
function chartOf(svg, norms, [low, high], names) {
  const { width, height, left, right, top, bottom, box } = CHART;
  const steps = Object.values(norms)[0].length;
  const X = t => left + ((t + 0.5) * (width - left - right)) / steps;
  const Y = value => {
    const share = (Math.log10(Math.max(value, FLOOR)) - low) / (high - low);
    return height - bottom - Math.min(Math.max(share, 0), 1) * (height - top - bottom - box);
  };
  svg.replaceChildren();
  setAll(svg, { viewBox: `0 0 ${width} ${height}` });
  for (let exponent = low; exponent <= high; exponent += Math.max(1, Math.ceil((high - low) / 6))) {
    svg.append(draw("line", { class: "grid", x1: left, x2: width - right, y1: Y(10 ** exponent), y2: Y(10 ** exponent) }));
    const least = 10 ** exponent > FLOOR ? "" : "≤ ";
    svg.append(draw("text", { class: "tick", x: left - 6, y: Y(10 ** exponent) + 4, "text-anchor": "end" }, least + power(exponent)));
  }
  for (const t of new Set([0, Math.floor((steps - 1) / 2), steps - 1])) {
    svg.append(draw("text", { class: "tick", x: X(t), y: height - bottom + 16, "text-anchor": "middle" }, String(t)));
  }
  svg.append(draw("text", { class: "tick", x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, "time step t"));
  const [first] = Object.values(norms);
  const size = Math.min(box - 4, ((width - left - right) / steps) * 0.85);
  first.forEach((value, t) => {
    const share = (Math.log10(Math.max(value, FLOOR)) - low) / (high - low);
    svg.append(draw("rect", { class: "state", x: X(t) - size / 2, y: top - 12, width: size, height: size, rx: size / 4, "fill-opacity": Math.min(Math.max(share, 0), 1) }));
  });
  Object.entries(norms).forEach(([name, values], i) => {
    svg.append(draw("polyline", { class: `curve curve${i}`, points: values.map((value, t) => `${X(t).toFixed(1)},${Y(value).toFixed(1)}`).join(" ") }));
    const at = Math.floor(steps * (i ? 0.3 : 0.6));
    const reach = Math.ceil((NAME / 2 / (width - left - right)) * steps);
    const near = values.slice(Math.max(at - reach, 0), at + reach + 1).map(Y); // the first name above its curve, the second below
    const y = i ? Math.min(Math.max(...near) + 14, height - bottom - 4) : Math.max(Math.min(...near) - 5, top + box);
    svg.append(draw("text", { class: `name name${i}`, x: X(at), y, "text-anchor": "middle" }, names[i]));
  });
}
function wordsOf(norms, name) {
  const ratio = norms[0] / norms.at(-1);
  const share = ratio > 0.001 && ratio < 1000 ? shortly(ratio, 2) : mathematical(ratio.toExponential(1).replace("+", ""));
  return `‖dL/d${name}₀‖ is ${share} times ‖dL/d${name}‖ at the last step: on average, each step back multiplies it by ${shortly(perStep(norms), 3)}.`;
}
function update() {
  const settings = settingsNow();
  const rnn = rnnNorms(settings);
  const { gate, ...lstm } = lstmNorms(settings);
  const everything = [...rnn.h, ...lstm.c, ...lstm.path].filter(value => value > 0 && Number.isFinite(value)).map(Math.log10);
  const range = [Math.max(Math.floor(Math.min(...everything)), -30), Math.ceil(Math.max(...everything, -29))];
  if (range[1] - range[0] < 1) range[1] = range[0] + 1;
  chartOf(byId("rnn-chart"), { h: rnn.h }, range, ["‖dL/dh‖"]);
  chartOf(byId("lstm-chart"), lstm, range, ["‖dL/dc‖", "direct path"]);
  byId("rnn-said").textContent = wordsOf(rnn.h, "h");
  byId("lstm-said").textContent = `${wordsOf(lstm.c, "c")} On the direct path, the forget gates multiply by ${shortly(gate, 3)}.`;
  byId("steps-said").textContent = String(settings.steps);
  byId("scale-said").textContent = `× ${settings.scale.toFixed(1)}`;
  byId("forget-said").textContent = settings.forget === null ? "as by default" : settings.forget.toFixed(1);
}
for (const id of ["steps", "scale", "forget", "last", "all"]) byId(id).addEventListener("input", update);

const setTheme = () => { document.documentElement.style.colorScheme = isDark() ? "dark" : "light"; };
onTheme(setTheme);
setTheme();
update();
