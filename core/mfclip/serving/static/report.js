// The results as files of their own: a page that holds everything it shows, and the numbers.

import { make } from "./results.js";

const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
const WIDEST = 1024; // pixels of a photo in the report

// Built as text: elements with styles of their own that were copied would break this page's policy.
export async function report(results, answers) {
  const sheets = await Promise.all(["page.css", "serving.css"].map(sheet));
  const lines = [
    "<!DOCTYPE html>",
    '<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>mfclip: report</title><style>${sheets.join("\n")}</style></head><body><main>`,
    ...heading(answers),
    shown(results),
    "</main></body></html>",
  ];
  save("mfclip-report.html", lines.join("\n"), "text/html");
}

export function numbers(answers) {
  save("mfclip-report.json", JSON.stringify(answers, null, 1), "application/json");
}

async function sheet(name) {
  return (await fetch(`static/${name}`)).text();
}

function heading(answers) {
  const cautions = [...new Set(answers.flatMap((answer) => answer.cautions))];
  const texts = [
    ["p", "eyebrow", `mfclip ${answers[0]?.mfclip ?? ""}`],
    ["h1", "", "Report on photos and films of faces"],
    ["p", "lead", `Made on ${new Date().toISOString()}.`],
    ["p", "banner", cautions.join(" ")],
  ];
  return texts.map(([tag, className, text]) => make(tag, { className, text }).outerHTML);
}

function shown(results) {
  let html = results.outerHTML.replace(/<button\b[^>]*>[^<]*<\/button>/g, "");
  for (const picture of results.querySelectorAll("img"))
    html = html.replaceAll(`"${picture.src}"`, `"${held(picture)}"`);
  for (const film of results.querySelectorAll("video"))
    html = html.replace(film.outerHTML, frameOf(film).outerHTML);
  return html;
}

/** The frame that the film is at, as a picture: a report holds no film. */
function frameOf(film) {
  const src = drawn(film, film.videoWidth, film.videoHeight);
  const alt = `${film.getAttribute("aria-label")}, at ${film.currentTime.toFixed(1)} s`;
  return make("img", { src, alt });
}

function held(picture) {
  if (picture.src.startsWith("data:")) return picture.src;
  return drawn(picture, picture.naturalWidth, picture.naturalHeight);
}

function drawn(picture, width, height) {
  const share = Math.min(1, WIDEST / Math.max(1, width));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * share));
  canvas.height = Math.max(1, Math.round(height * share));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.9);
}

function save(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
