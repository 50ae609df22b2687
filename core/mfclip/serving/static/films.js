// One film's result as elements: the film itself, its timeline, and every face that was followed.

import { make, told } from "./results.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDE, HIGH] = [600, 120]; // units of the drawing
const LINES = 5; // faces that get a line of their own, the most forged first

export function isFilm(file) {
  const known = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|mts|m2ts|flv|wmv|asf|ogv|3gp|ivf)$/i;
  return file.type.startsWith("video/") || known.test(file.name);
}

export function filmResult(file, answer) {
  const { film } = answer;
  const screen = shown(file);
  const words = told(answer, film, film.faces && film.faces.length ? tracks(film, screen) : null);
  if (film.timeline.some((one) => one.p_fake !== null)) words.append(timeline(answer, screen));
  const text = `Detector ${answer.model}, weights ${answer.weights_sha256.slice(0, 16)}…; file sha256 ${film.sha256}`;
  words.append(make("p", { className: "hash", text }));
  return make("li", { className: "result" }, screen, words);
}

function shown(file) {
  const frame = make("div", { className: "photo" });
  const screen = make("video", { controls: true, muted: true, src: URL.createObjectURL(file) });
  screen.setAttribute("aria-label", `The film ${file.name}`);
  screen.addEventListener("error", () => {
    const text = "Your browser does not show this kind of film.";
    frame.replaceChildren(make("p", { className: "none", text }));
  });
  frame.append(screen);
  return frame;
}

function goTo(screen, seconds) {
  const film = screen.querySelector("video");
  if (film) film.currentTime = seconds;
}

function tracks(film, screen) {
  const head = ["Face", "p_fake", "Verdict", "Seen", "Most forged at"];
  const rows = film.faces.map((face) => {
    const number = make("th", { scope: "row", text: String(face.number) });
    const seen = `${face.start.toFixed(1)}–${face.end.toFixed(1)} s, ${face.frames} frames`;
    const p_fake = face.p_fake === null ? "–" : face.p_fake.toFixed(3);
    const cells = [p_fake, face.verdict || face.status, seen].map((text) => make("td", { text }));
    const text = `${face.strongest.toFixed(1)} s`;
    const jump = make("button", { type: "button", text });
    jump.setAttribute("aria-label", `Show face ${face.number} at ${text}`);
    jump.addEventListener("click", () => goTo(screen, face.strongest));
    return make("tr", {}, number, ...cells, make("td", {}, jump));
  });
  const titles = make("tr", {}, ...head.map((text) => make("th", { scope: "col", text })));
  const whole = make("table", {}, make("thead", {}, titles), make("tbody", {}, ...rows));
  const frame = make("div", { className: "scroll", tabIndex: 0, role: "region" }, whole);
  frame.setAttribute("aria-label", "Faces in this film, in the order in which they appear");
  return frame;
}

function timeline(answer, screen) {
  const { film, point } = answer;
  const drawing = draw("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", class: "timeline" });
  const verdict = film.p_fake === null ? "" : `; of the whole film ${film.p_fake.toFixed(3)}`;
  const label = `p_fake over the film's ${film.seconds.toFixed(1)} seconds${verdict}`;
  drawing.setAttribute("aria-label", label);
  const at = y(point.threshold);
  drawing.append(draw("line", { x1: 0, x2: WIDE, y1: at, y2: at, class: "threshold" }));
  const lines = byFace(film);
  lines.forEach((moments, place) => drawing.append(...line(moments, film.seconds, place)));
  drawing.addEventListener("click", (event) => {
    const { left, width } = drawing.getBoundingClientRect();
    goTo(screen, (film.seconds * (event.clientX - left)) / width);
  });
  const faces = film.faces && film.faces.length > 1 ? ` Lines: up to ${LINES} faces.` : "";
  const text = `p_fake from 0 (bottom) to 1 (top), 0 to ${film.seconds.toFixed(1)} s; dotted: the threshold.${faces}`;
  return make("figure", { className: "over-time" }, drawing, make("figcaption", { text }));
}

/** Moments of each line; without faces there is one. */
function byFace(film) {
  const scored = film.timeline.filter((one) => one.p_fake !== null);
  if (!film.faces || !film.faces.length) return [scored];
  const worst = [...film.faces].filter((face) => face.p_fake !== null);
  worst.sort((a, b) => b.p_fake - a.p_fake);
  return worst.slice(0, LINES).map(({ number }) => scored.filter((one) => one.face === number));
}

function line(moments, seconds, place) {
  const x = (one) => ((WIDE * one.seconds) / Math.max(seconds, 1e-9)).toFixed(1);
  const points = moments.map((one) => `${x(one)},${y(one.p_fake)}`);
  const kind = `line-${place}`;
  const path = draw("polyline", { points: points.join(" "), class: kind });
  const dots = moments.map((one) => draw("circle", { cx: x(one), cy: y(one.p_fake), r: 2.5, class: kind }));
  return [path, ...dots];
}

function y(p_fake) {
  return (4 + (HIGH - 8) * (1 - p_fake)).toFixed(1);
}

function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
