// The page at work: choices, photos one after the other, results, downloads.

import { explain, film, models, score, useToken } from "./service.js";
import { filmResult, isFilm } from "./films.js";
import { make, result, unanswered } from "./results.js";
import { numbers, report } from "./report.js";

const by = (id) => document.getElementById(id);
const state = { models: [], films: false, answers: [] };

function say(text) {
  by("state").textContent = text;
}

function complain(error) {
  by("trouble").replaceChildren(make("p", { text: error.message }));
  if (error.status === 401 && by("token")) by("token").focus();
}

async function begin() {
  try {
    const found = await models();
    [state.models, state.films] = [found.models, found.films];
  } catch (error) {
    if (error.status === 401) say("Give your token to begin.");
    else complain(error);
    return;
  }
  by("trouble").replaceChildren();
  by("without-films").hidden = state.films;
  say("");
  by("model").replaceChildren(...state.models.map((one) => option(one.name, one.name)));
  choose();
}

function option(value, text) {
  return make("option", { value, text });
}

function chosen() {
  return state.models.find((one) => one.name === by("model").value);
}

function choose() {
  const model = chosen();
  by("threshold").replaceChildren(...model.points.map((point) => option(point.name, named(point))));
  by("synthetic").hidden = !model.synthetic;
  explainThreshold();
}

function named(point) {
  return `${point.name} (${point.threshold.toFixed(3)})`;
}

function explainThreshold() {
  const model = chosen();
  const point = model.points.find((one) => one.name === by("threshold").value);
  const sees = model.finds_faces
    ? "It finds the faces of each photo; the photo is called by the most suspicious one."
    : "It takes each photo for the crop of one face.";
  by("threshold-meaning").textContent = `${sees} Threshold: ${point.meaning}.`;
}

function settings() {
  const model = chosen();
  const point = model.points.find((one) => one.name === by("threshold").value);
  const isFirst = point === model.points[0];
  return { model: model.name, threshold: isFirst ? "" : point.name };
}

async function take(files) {
  if (!files.length) return;
  if (!state.models.length) await begin();
  if (!state.models.length) return;
  by("trouble").replaceChildren();
  by("answers").hidden = false;
  const asked = settings();
  let done = 0;
  for (const file of files) {
    say(`Scoring ${done + 1} of ${files.length}: ${file.name}`);
    await show(file, asked);
    done += 1;
  }
  say(`Done: ${files.length} ${files.length === 1 ? "file" : "files"}. Results are below.`);
  by("answers-heading").focus();
}

async function show(file, asked) {
  try {
    const watched = isFilm(file);
    const answer = await (watched ? film(file, asked, following(file)) : score(file, asked));
    state.answers.push(answer);
    const shown = watched
      ? filmResult(file, answer)
      : result(file, answer, explains(file, asked.model));
    by("results").append(shown);
  } catch (error) {
    complain(error);
    by("results").append(unanswered(file, error));
  }
}

function following(file) {
  return (phase, share) => {
    const done = phase === "waiting" ? "other films come first" : `${Math.round(100 * share)} %`;
    say(`Scoring ${file.name}: ${done}`);
  };
}

function explains(file, name) {
  const model = state.models.find((one) => one.name === name);
  if (!model.explains) return null;
  return async (face) => {
    say(`Making the heat map of ${file.name}; this takes a while.`);
    try {
      const answer = await explain(file, { model: name, face });
      say(`The heat map of ${file.name} is there.`);
      return answer;
    } catch (error) {
      complain(error);
      say("");
      return null;
    }
  };
}

function clear() {
  document.querySelectorAll("#results .photo img, #results .photo video").forEach((one) => URL.revokeObjectURL(one.src));
  by("results").replaceChildren();
  by("trouble").replaceChildren();
  by("answers").hidden = true;
  state.answers = [];
  say("Cleared.");
  by("photos").focus();
}

function dropping() {
  const drop = by("drop");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"])
    document.addEventListener(name, (event) => {
      event.preventDefault(); // else a photo that misses would replace the page
      drop.classList.toggle("over", name === "dragenter" || name === "dragover");
      if (name === "drop") take([...event.dataTransfer.files]);
    });
}

by("photos").addEventListener("change", (event) => {
  take([...event.target.files]);
  event.target.value = ""; // so that the same photo can be chosen again
});
by("ask").addEventListener("submit", (event) => event.preventDefault());
by("model").addEventListener("change", choose);
by("threshold").addEventListener("change", explainThreshold);
by("token")?.addEventListener("change", (event) => { useToken(event.target.value); begin(); });
by("report").addEventListener("click", () => report(by("results"), state.answers));
by("numbers").addEventListener("click", () => numbers(state.answers));
by("clear").addEventListener("click", clear);
dropping();
begin();
