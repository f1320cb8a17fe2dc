// The upload page: choosing, dropping, pasting and taking photos; sending them; what then.

import { sendArchive } from "./archive.js";
import { hasCamera, offerCamera } from "./camera.js";
import { reasonAgainst } from "./checking.js";
import { chosen, commonName, dropped, isZip } from "./files.js";
import { Queue } from "./queue.js";
import { ConnectionLost, form as fields, request } from "./requests.js";
import { Tile, whileReadable } from "./tile.js";

const form = document.getElementById("upload");
const part = (id) => document.getElementById(id);
const words = part("words").dataset;
const limits = {
  photos: Number(form.dataset.photos),
  photoBytes: Number(form.dataset.photoBytes),
  zipBytes: Number(form.dataset.zipBytes),
  accept: part("photos").accept,
};
const HANDFUL = Number(form.dataset.handful); // more than so many are a batch
const queue = new Queue(show);
let tiles = [];
let batch = form.dataset.batch || ""; // its address, once there is one
let isDone = false;

const sendable = () => tiles.filter((tile) => tile.state !== "refused");
const sent = () => tiles.filter((tile) => tile.state === "sent");
const left = () => tiles.filter((tile) => tile.isLeft);
const isBatch = () => batch || sendable().length > HANDFUL || sendable().some((one) => isZip(one.file));
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

function add(found) {
  const known = new Set(tiles.map(({ file, path }) => identity(file, path)));
  const fresh = found.filter(({ file, path }) => !known.has(identity(file, path)));
  const room = 2 * limits.photos - tiles.length; // more than so many tiles nobody looks at
  for (const one of fresh.slice(0, room)) tiles.push(newTile(one));
  complain(fresh.length > room ? fill(words.tooManyAtAll, { most: limits.photos }) : "");
  show();
}

function newTile(found) {
  const tile = new Tile(found, words, { removed: remove, again: (one) => queue.resume(one) });
  const photos = sendable().filter((one) => !isZip(one.file)).length;
  const isOver = !isZip(found.file) && photos >= limits.photos;
  const reason = reasonAgainst(found, limits) || (isOver ? "tooMany" : "");
  if (reason) tile.refuse(words[reason]);
  if (found.file.type.startsWith("image/") && reason !== "tooLarge") tile.picture();
  part("chosen").append(tile.element);
  return tile;
}

function remove(tile) {
  tiles = tiles.filter((one) => one !== tile);
  const next = tile.element.nextElementSibling ?? tile.element.previousElementSibling;
  tile.element.remove();
  (next?.querySelector(".remove") ?? part("photos")).focus();
  complain("");
  show();
}

const identity = (file, path) => `${file.size} ${file.lastModified} ${path}`;

function complain(text) {
  part("problem").textContent = text;
  part("problem").hidden = !text;
}

function show() {
  const [all, done] = [sendable(), sent()];
  form.classList.toggle("ready", left().length > 0 && !queue.isBusy);
  part("drop").hidden = queue.isBusy || Boolean(queue.problem);
  part("naming").hidden = !isBatch() || Boolean(batch);
  if (!part("batch-name").dataset.isTheirs) part("batch-name").value = suggestedName();
  part("send").textContent = queue.problem || done.length ? words.again : words.estimate;
  part("progress").hidden = !queue.isBusy && !queue.problem;
  const bytes = (of) => all.reduce((sum, tile) => sum + of(tile), 0);
  part("progress").value = bytes((tile) => tile.loaded) / (bytes((tile) => tile.file.size) || 1);
  part("summary").textContent = summary(all, done);
  if (queue.problem) complain(wordsFor(queue.problem));
  if (!queue.isBusy && !queue.problem && !left().length && done.length) finish();
}

function summary(all, done) {
  if (!tiles.length) return "";
  const values = { all: all.length, done: done.length, refused: tiles.length - all.length };
  const text = done.length || queue.isBusy ? words.sentOf : words.toSend;
  return fill(values.refused ? `${text} · ${words.notTaken}` : text, values);
}

function suggestedName() {
  const now = new Date().toLocaleString(document.documentElement.lang, {
    dateStyle: "medium",
    timeStyle: "short",
  });
  return (commonName(sendable().map((tile) => tile.path)) || now).slice(0, 100);
}

function wordsFor(problem) {
  if (problem instanceof ConnectionLost) return words.lost;
  return problem.message || words.siteFailed;
}

async function start() {
  complain("");
  try {
    if (isBatch() && !batch) await begin();
  } catch (problem) {
    if (problem.status === undefined && !(problem instanceof ConnectionLost)) throw problem;
    complain(wordsFor(problem));
    return;
  }
  for (const tile of left()) tile.deliver = isZip(tile.file) ? deliverZip : deliverPhoto;
  if (batch) window.htmx.ajax("GET", `${batch}panel/?sending`, { target: "#panel", swap: "outerHTML" });
  queue.start(tiles);
}

// A page that is opened again at this address goes on with the same batch.
async function begin() {
  const made = await request("POST", form.dataset.batches, fields({ name: part("batch-name").value }));
  batch = made.url;
  window.history.replaceState(null, "", `?batch=${made.id}`);
}

async function deliverPhoto(tile) {
  const address = batch ? `${batch}photos/` : form.dataset.photo;
  // In a batch a file is the same one however often the folder is chosen.
  const token = batch ? `${batch} ${identity(tile.file, tile.path)}` : tile.token;
  const body = fields({ token, photo: tile.file });
  const progressed = (bytes) => follow(tile, bytes);
  const answer = await whileReadable(tile.file, () => request("POST", address, body, progressed));
  tile.url = answer.url;
}

function deliverZip(tile) {
  const progressed = (bytes) => follow(tile, bytes);
  return whileReadable(tile.file, () => sendArchive(tile.file, batch, progressed));
}

function follow(tile, bytes) {
  tile.progressed(bytes);
  show();
}

function finish() {
  if (isDone) return;
  isDone = true;
  if (batch) tellNotTaken();
  const next = batch || (sent().length === 1 ? sent()[0].url : form.dataset.history);
  // Whoever was told of a refusal only now shall see why; of a batch its page says so too.
  if (!batch && tiles.some((tile) => tile.state === "refused" && tile.deliver)) {
    part("results").href = next;
    part("results").hidden = false;
    part("results").focus();
  } else {
    window.location.assign(next);
  }
}

// For the page of the batch, in this tab: what was not sent the site knows nothing of.
function tellNotTaken() {
  const key = `not taken ${batch}`;
  const told = JSON.parse(window.sessionStorage.getItem(key) ?? "{}");
  for (const tile of tiles.filter((one) => one.state === "refused")) told[tile.path] = tile.reason;
  window.sessionStorage.setItem(key, JSON.stringify(told));
}

part("photos").addEventListener("change", () => add(chosen(part("photos").files)));
part("folder").addEventListener("change", () => add(chosen(part("folder").files)));
part("camera").addEventListener("change", () => add(chosen(part("camera").files)));
part("batch-name").addEventListener("input", (event) => {
  event.target.dataset.isTheirs = event.target.value ? "yes" : "";
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length && !queue.isBusy) add(chosen(event.clipboardData.files));
});
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    part("drop").classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) part("drop").classList.remove("over");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  part("drop").classList.remove("over");
  if (!queue.isBusy) add(await dropped(event.dataTransfer, 2 * limits.photos + 1));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!queue.isBusy) start();
});
window.addEventListener("beforeunload", (event) => {
  if (queue.isBusy || queue.problem) event.preventDefault();
});

part("webcam").hidden = !hasCamera();
if (hasCamera()) offerCamera(part("webcam"), (file) => add(chosen([file])));
// Elsewhere the dialog would offer documents instead of the gallery.
if (window.matchMedia("(pointer: fine)").matches) part("photos").accept += ",.zip,application/zip";
