"use strict";

// Draws the boxes that an endpoint streams over the video that it tracks.

const byId = (id) => document.getElementById(id);
const video = byId("video"), canvas = byId("boxes"), state = byId("state");
const frames = []; // as they came, so in the order of their times
let asked = null; // aborts the request that is on its way
let waiting = false; // whether playing has overtaken tracking
let done = false;

function say(text, problem = false) {
  state.textContent = text;
  state.className = problem ? "problem" : "";
}

async function listEndpoints() {
  const answer = await fetch("/api/endpoints");
  if (!answer.ok) throw new Error((await answer.json()).detail);
  const tracking = (await answer.json()).filter((one) => one.tracking && one.tracking.detector);
  for (const { name, tracking: { detector, tracker } } of tracking) {
    byId("endpoint").add(new Option(`${name} (${detector}, ${tracker})`, name));
  }
  if (!tracking.length) {
    say("No endpoint tracks videos yet: brainray deploy --tracking FILE.yaml", true);
    byId("start").disabled = true;
  }
}

async function* linesOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done: end } = await reader.read();
    if (end) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
  if (rest) throw new Error("the answer was cut off");
}

async function track(name, file) {
  const body = new FormData();
  body.append("video", file);
  say("The video is being sent …");
  const address = `/api/endpoints/${encodeURIComponent(name)}/track`;
  const answer = await fetch(address, { method: "POST", body, signal: asked.signal });
  if (!answer.ok) {
    const text = await answer.text();
    let detail = text; // a full service answers in plain text
    try { detail = JSON.parse(text).detail; } catch { /* it is shown as it is */ }
    throw new Error(`${answer.status}: ${detail}`);
  }
  for await (const line of linesOf(answer)) {
    if (line.error) throw new Error(line.error);
    frames.push(line);
    say(`${frames.length} frames tracked`);
    if (waiting && line.seconds > video.currentTime + 0.5) resume();
    if (video.paused) draw(video.currentTime);
  }
}

function resume() {
  waiting = false;
  video.play().catch((error) => say(String(error), true));
}

/** Return the last frame that is shown at a time, by bisection. */
function frameAt(seconds) {
  let low = 0, high = frames.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (frames[middle].seconds <= seconds + 1e-3) low = middle + 1; else high = middle;
  }
  return frames[low - 1];
}

/** Neighbouring identities get colors far apart on the wheel. */
const colorOf = (id) => `hsl(${(id * 137.508) % 360} 90% 60%)`;

function draw(seconds) {
  const pen = canvas.getContext("2d");
  const frame = frameAt(seconds);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!frame) return;
  canvas.width = frame.width;
  canvas.height = frame.height;
  const size = Math.max(11, Math.round(frame.height / 36));
  pen.font = `bold ${size}px system-ui, sans-serif`;
  pen.lineWidth = Math.max(2, size / 8);
  for (const { id, left, top, width, height } of frame.boxes) {
    pen.strokeStyle = pen.fillStyle = colorOf(id);
    pen.strokeRect(left, top, width, height);
    const label = String(id), wide = pen.measureText(label).width + 6;
    const above = Math.max(0, top - size - 4);
    pen.fillRect(left, above, wide, size + 4);
    pen.fillStyle = "#000";
    pen.fillText(label, left + 3, above + size);
  }
}

/** Called for each frame that the browser shows: playing waits where tracking is behind. */
function shown(_now, { mediaTime }) {
  draw(mediaTime);
  const last = frames.length ? frames[frames.length - 1].seconds : -1;
  if (!done && !video.paused && mediaTime >= last) {
    waiting = true;
    video.pause();
  }
  video.requestVideoFrameCallback(shown);
}

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = byId("file").files;
  frames.length = 0;
  done = false;
  waiting = true;
  asked = new AbortController();
  byId("start").disabled = true;
  byId("stop").disabled = false;
  URL.revokeObjectURL(video.src);
  video.src = URL.createObjectURL(file);
  try {
    await track(byId("endpoint").value, file);
    say(`All ${frames.length} frames are tracked.`);
  } catch (error) {
    say(error.name === "AbortError" ? `Stopped after ${frames.length} frames.` : error.message, true);
  } finally {
    done = true;
    byId("start").disabled = false;
    byId("stop").disabled = true;
    if (waiting && frames.length) resume();
  }
});

byId("stop").addEventListener("click", () => asked.abort());
video.addEventListener("seeked", () => draw(video.currentTime));
video.addEventListener("error", () => say("This browser cannot play the video.", true));
video.requestVideoFrameCallback(shown);
listEndpoints().catch((error) => say(error.message, true));
