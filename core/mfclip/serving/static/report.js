// The results as files of their own: a page that holds everything it shows, and the numbers.

const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
const WIDEST = 1024; // pixels of a photo in the report

export async function report(results, answers) {
  const page = document.implementation.createHTMLDocument("mfclip: report");
  page.documentElement.lang = "en";
  const policy = page.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = POLICY;
  const style = page.createElement("style");
  style.textContent = (await Promise.all(["page.css", "serving.css"].map(sheet))).join("\n");
  page.head.append(policy, style);
  page.body.append(await body(page, results, answers));
  save("mfclip-report.html", `<!DOCTYPE html>\n${page.documentElement.outerHTML}`, "text/html");
}

export function numbers(answers) {
  save("mfclip-report.json", JSON.stringify(answers, null, 1), "application/json");
}

async function sheet(name) {
  return (await fetch(`static/${name}`)).text();
}

async function body(page, results, answers) {
  const main = page.createElement("main");
  const add = (tag, text, className = "") => {
    const element = page.createElement(tag);
    Object.assign(element, { textContent: text, className });
    main.append(element);
  };
  const cautions = [...new Set(answers.flatMap((answer) => answer.cautions))];
  add("p", `mfclip ${answers[0]?.mfclip ?? ""}`, "eyebrow");
  add("h1", "Report on photos of faces");
  add("p", `Made on ${new Date().toISOString()}.`, "lead");
  add("p", cautions.join(" "), "banner");
  const list = page.importNode(results, true);
  list.querySelectorAll("button").forEach((button) => button.remove());
  await copyPictures(results, list);
  main.append(list);
  return main;
}

async function copyPictures(from, to) {
  const pictures = [...from.querySelectorAll("img")];
  const copies = [...to.querySelectorAll("img")];
  pictures.forEach((picture, place) => { copies[place].src = held(picture); });
}

function held(picture) {
  if (picture.src.startsWith("data:")) return picture.src;
  const share = Math.min(1, WIDEST / Math.max(1, picture.naturalWidth));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.naturalWidth * share));
  canvas.height = Math.max(1, Math.round(picture.naturalHeight * share));
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
