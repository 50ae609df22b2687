// Calls of the service. Every answer that is no success becomes an Error with a sentence to show.

let token = "";

export function useToken(given) {
  token = given.trim();
}

export function models() {
  return call("v1/models");
}

export function score(file, { model, threshold }) {
  return call(address("v1/score", { model, threshold }), file);
}

export function explain(file, { model, face }) {
  return call(address("v1/explain", { model, face }), file);
}

/** Sends a film and asks about it until it is scored; `tell` is given the share that is done. */
export async function film(file, { model, threshold }, tell) {
  let job = await call(address("v1/video", { model, threshold }), file);
  const place = `v1/video/${encodeURIComponent(job.job)}`;
  while (job.state === "waiting" || job.state === "scoring") {
    tell(job.state, job.progress);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN));
    job = await call(place);
  }
  await send(place, null, "DELETE");
  if (job.state === "failed") throw new Error(job.message);
  return job.answer;
}

function address(path, settings) {
  const given = Object.entries(settings).filter(([, value]) => value !== "" && value !== null);
  return `${path}?${new URLSearchParams(given)}`;
}

const TRIES = 20;
const BETWEEN = 500; // milliseconds between two questions about a film

async function call(path, file) {
  for (let attempt = 1; ; attempt += 1) {
    const response = await send(path, file);
    if (response.status !== 429 || attempt === TRIES) return read(response);
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}

async function send(path, file, method = "GET") {
  const request = { method, headers: token ? { Authorization: `Bearer ${token}` } : {} };
  if (file) {
    request.method = "POST";
    request.body = new FormData();
    request.body.append("files", file, file.name);
  }
  try {
    return await fetch(path, request);
  } catch {
    throw new Error("The service cannot be reached. Is it running?");
  }
}

async function read(response) {
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const told = answer.message || `It answered with status ${response.status}.`;
  throw Object.assign(new Error(told), { status: response.status });
}
