// Elements, and packed numbers.
"use strict";

const byId = id => document.getElementById(id);
function setAll(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
/** A new element. Text is never parsed as markup. */
function make(name, attributes = {}, ...inside) {
  const made = setAll(document.createElement(name), attributes);
  made.append(...inside);
  return made;
}
/** The name of a parameter, which may be continued on the next line after a full stop or an underscore. */
function named(name) {
  return make("span", {}, ...name.split(/(?<=[._])(?=\p{L})/u).flatMap(part => [part, make("wbr")]));
}
function draw(name, attributes = {}, text = "") {
  const made = setAll(document.createElementNS("http://www.w3.org/2000/svg", name), attributes);
  made.textContent = text;
  return made;
}

/** Unpack numbers: 32-bit floats in base64. */
function unpack(text) {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}
/** A number with at most this many significant digits. */
const power = exponent => `10${String(Number(exponent)).replaceAll(/./g, sign => "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"["0123456789-".indexOf(sign)])}`;
/** Numbers as a mathematician writes them: −2 · 10⁻⁵ for -2e-5. Hyphens within words stay, and lines do not end within a number. */
const mathematical = text => text.replaceAll(/(\d)e([+-]?\d+)/g, (_, digit, exponent) => `${digit}\u00a0·\u00a0${power(exponent)}`).replaceAll(/(?<!\w)-/g, "−");
const shortly = (value, digits = 3) => (value === null || !Number.isFinite(value) ? "not finite" : String(Number(value.toPrecision(digits))));

const clamp = (at, end) => Math.min(Math.max(at, 0), end - 1);
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** Call a function with where arrow keys go, right and down, on an element that has the focus; Home and End go to the ends of a row. */
function onArrows(element, act) {
  element.onkeydown = event => {
    const arrow = { ...ARROWS, Home: [-Infinity, 0], End: [Infinity, 0] }[event.key];
    if (!arrow) return;
    event.preventDefault();
    act(arrow);
  };
}

const waiting = new Set(); // functions
/** Call a function, once, when what has changed so far is on the screen: what takes long comes after an answer to a click. */
function afterFrame(act) {
  if (!waiting.size) requestAnimationFrame(() => setTimeout(() => {
    const acts = [...waiting];
    waiting.clear();
    for (const each of acts) each();
  }));
  waiting.add(act);
}
