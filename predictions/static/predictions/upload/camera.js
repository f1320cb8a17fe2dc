// A photo by the camera of this computer: seen, taken, looked at, and only then chosen.

const dialog = document.getElementById("webcam-dialog");
const video = dialog.querySelector("video");
const canvas = dialog.querySelector("canvas");
const problem = dialog.querySelector(".problem");
const button = (name) => dialog.querySelector(`[data-act=${name}]`);
let stream;

export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

// `taken` is handed the photo that somebody wants to use.
export function offerCamera(opener, taken) {
  opener.addEventListener("click", open);
  dialog.addEventListener("close", stop);
  button("snap").addEventListener("click", snap);
  button("another").addEventListener("click", live);
  button("cancel").addEventListener("click", () => dialog.close());
  button("use").addEventListener("click", () => {
    canvas.toBlob((blob) => taken(new File([blob], fileName(), { type: blob.type })), "image/jpeg", 0.92);
    dialog.close();
  });
}

async function open() {
  say("");
  live();
  button("snap").disabled = true;
  dialog.showModal();
  try {
    const wanted = { width: { ideal: 1920 }, height: { ideal: 1080 }, facingMode: "user" };
    const started = await navigator.mediaDevices.getUserMedia({ video: wanted });
    if (!dialog.open) {
      stopTracks(started); // closed while the browser asked
      return;
    }
    stream = started;
    video.srcObject = stream;
    await video.play();
    button("snap").disabled = false;
    button("snap").focus();
  } catch (error) {
    const kind = error.name.charAt(0).toLowerCase() + error.name.slice(1);
    say(dialog.dataset[kind] ?? dialog.dataset.other);
  }
}

// The picture is turned round as the preview is: people know themselves from mirrors.
function snap() {
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext("2d");
  context.translate(canvas.width, 0);
  context.scale(-1, 1);
  context.drawImage(video, 0, 0);
  showing(true);
  button("use").focus();
}

function live() {
  showing(false);
  button("snap").focus();
}

function showing(isTaken) {
  video.hidden = isTaken;
  canvas.hidden = !isTaken;
  for (const name of ["use", "another"]) button(name).hidden = !isTaken;
  button("snap").hidden = isTaken;
}

function say(words) {
  problem.textContent = words;
  problem.hidden = !words;
}

function stop() {
  stopTracks(stream);
  stream = video.srcObject = null;
}

function stopTracks(one) {
  for (const track of one?.getTracks() ?? []) track.stop();
}

function fileName() {
  const now = new Date();
  const local = new Date(now - now.getTimezoneOffset() * 60_000).toISOString();
  return `camera-${local.slice(0, 19).replaceAll(":", "-").replace("T", "-")}.jpg`;
}
