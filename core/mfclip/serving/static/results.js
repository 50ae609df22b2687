// One photo's result as elements. All text goes in as text, never as markup.

export function make(tag, { text, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) element.textContent = text;
  element.append(...children.filter(Boolean));
  return element;
}

const WORDS = { fake: "Looks forged", real: "No known traces", uncertain: "Undecided" };

export function result(file, answer, onExplain) {
  const image = answer.images[0];
  const item = make("li", { className: "result" }, photo(file, image), told(answer, image, table(image.faces)));
  if (onExplain && image.p_fake !== null) item.lastChild.append(asking(image, onExplain));
  item.lastChild.append(origin(answer, image));
  return item;
}

export function unanswered(file, error) {
  const words = make("div", {}, make("h3", { text: file.name }));
  words.append(
    make("p", { className: "verdict", text: "No answer" }),
    make("p", { text: error.message }),
  );
  return make("li", { className: "result" }, photo(file, { faces: null }), words);
}

function photo(file, image) {
  const frame = make("div", { className: "photo" });
  const picture = make("img", { alt: `The photo ${file.name}`, src: URL.createObjectURL(file) });
  picture.addEventListener("error", () => {
    const text = "Your browser does not show this kind of file.";
    frame.replaceChildren(make("p", { className: "none", text }));
  });
  frame.append(picture, ...(image.faces || []).map((face) => box(face, image)));
  return frame;
}

function box(face, { width, height }) {
  const [left, top, right, bottom] = face.box;
  const frame = make("div", { className: `box ${face.verdict || ""}` });
  frame.append(make("span", { text: String(face.number) }));
  frame.setAttribute("aria-hidden", "true"); // the table says the same
  frame.style.left = `${(100 * left) / width}%`;
  frame.style.top = `${(100 * top) / height}%`;
  frame.style.width = `${(100 * (right - left)) / width}%`;
  frame.style.height = `${(100 * (bottom - top)) / height}%`;
  return frame;
}

/** What is said of a photo or a film; `faces` is the table of them, where there are any. */
export function told(answer, image, faces) {
  const words = make("div", {}, make("h3", { text: image.name }));
  const known = image.verdict || "none";
  const verdict = make("p", { className: `verdict ${known}` });
  verdict.append(WORDS[image.verdict] || image.verdict || "No verdict");
  if (image.p_fake !== null) verdict.append(make("small", { text: ` (${known})` }));
  words.append(verdict);
  if (image.p_fake !== null) words.append(...scale(image.p_fake, answer.point, known));
  const without = image.reason.charAt(0).toUpperCase() + image.reason.slice(1);
  words.append(make("p", { text: image.p_fake === null ? `${without}.` : image.meaning }));
  if (image.status === "ok" && image.reason)
    words.append(make("p", { className: "note", text: `Of this file: ${image.reason}.` }));
  if (faces) words.append(faces);
  if (image.credentials) words.append(signed(image.credentials));
  return words;
}

/** Where the file says it comes from: beside the score, and no part of it. */
function signed({ state, signer, source, reason }) {
  const says = {
    none: "none",
    invalid: `invalid: ${reason}`,
    valid: `as ${signer} left it; whether that is true of the signer is not known here`,
    trusted: `signed by ${signer}, whom this service trusts`,
    unreadable: "they cannot be looked at",
  };
  const kind = source ? `. The signer says: ${source}` : "";
  return make("p", { className: "note", text: `Content credentials: ${says[state]}${kind}.` });
}

function scale(value, point, verdict) {
  const bar = make("div", { className: `scale ${verdict}` }, make("i"), make("b"));
  bar.setAttribute("aria-hidden", "true");
  bar.firstChild.style.width = `${100 * value}%`;
  bar.lastChild.style.left = `${100 * point.threshold}%`;
  if (point.uncertain_from !== null) bar.append(band(point));
  const text = `The line is the threshold: ${point.name}, ${point.meaning}.`;
  return [bar, make("p", { className: "note", text })];
}

/** Where the verdict is uncertain: from here to the threshold. */
function band({ uncertain_from, threshold }) {
  const part = make("s", {});
  part.style.left = `${100 * uncertain_from}%`;
  part.style.width = `${100 * (threshold - uncertain_from)}%`;
  return part;
}

function table(faces) {
  if (!faces || !faces.length) return null;
  const head = ["Face", "p_fake", "Verdict", "Size, pixels"];
  const rows = faces.map((face) => {
    const [left, top, right, bottom] = face.box;
    const size = `${Math.round(right - left)} × ${Math.round(bottom - top)}`;
    const number = make("th", { scope: "row", text: String(face.number) });
    const verdict = face.verdict || face.status;
    const cells = [face.p_fake === null ? "–" : face.p_fake.toFixed(3), verdict, size];
    return make("tr", {}, number, ...cells.map((text) => make("td", { text })));
  });
  const titles = make("tr", {}, ...head.map((text) => make("th", { scope: "col", text })));
  const whole = make("table", {}, make("thead", {}, titles), make("tbody", {}, ...rows));
  const frame = make("div", { className: "scroll", tabIndex: 0, role: "region" }, whole);
  frame.setAttribute("aria-label", "Faces in this photo, the largest first");
  return frame;
}

function asking(image, onExplain) {
  const place = make("div");
  const scored = (image.faces || []).filter((face) => face.p_fake !== null);
  const worst = scored.sort((a, b) => b.p_fake - a.p_fake)[0];
  const which = worst ? ` (face ${worst.number})` : "";
  const button = make("button", { type: "button", text: `Show what the detector looks at${which}` });
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true"); // it keeps the focus
    const answer = await onExplain(worst ? worst.number : 1);
    button.setAttribute("aria-disabled", "false");
    if (answer) place.replaceChildren(heat(answer));
  });
  place.append(button);
  return place;
}

function heat(answer) {
  const shown = [
    [answer.heat_map, "Heat map: orange speaks for fake, blue for real. Covering a place takes " +
      `away up to ${answer.most_for_fake.toFixed(2)} log-odds of fake.`],
    [answer.richest.patch, "The patch with the richest texture"],
    [answer.richest.noise, "Its noise"],
    [answer.poorest.patch, "The patch with the poorest texture"],
    [answer.poorest.noise, "Its noise"],
  ];
  const figures = shown.map(([src, text]) =>
    make("figure", {}, make("img", { src, alt: text }), make("figcaption", { text })));
  return make("div", { className: "heat" }, ...figures);
}

function origin(answer, image) {
  const text = `Detector ${answer.model}, weights ${answer.weights_sha256.slice(0, 16)}…; file sha256 ${image.sha256}`;
  return make("p", { className: "hash", text });
}
