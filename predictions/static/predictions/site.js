// Everything here makes pages nicer; all of them work without it.
"use strict";
document.documentElement.classList.add("js");

// Questions before what cannot be undone.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// What a form that was too old is answered: with the token it comes with, sending once more works.
function renew(answer) {
  if (!answer?.token) return;
  for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) {
    field.value = answer.token;
  }
}
document.addEventListener("htmx:responseError", (event) => {
  let answer = null;
  try {
    answer = JSON.parse(event.detail.xhr.responseText);
  } catch {
    return; // a page, which the next look at the site shows
  }
  renew(answer);
  if (answer.message) window.alert(answer.message);
});

// Choosing, dropping, pasting and taking photos; previews; progress.
const form = document.getElementById("upload");
if (form) {
  const input = document.getElementById("photos");
  const camera = document.getElementById("camera");
  const drop = document.getElementById("drop");
  const list = document.getElementById("chosen");
  const problem = document.getElementById("problem");
  const progress = document.getElementById("progress");
  const send = document.getElementById("send");
  const most = Number(form.dataset.most);
  const mostBytes = Number(form.dataset.megabytes) * 2 ** 20;
  let chosen = [];

  const complain = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };

  const show = () => {
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    list.replaceChildren(...chosen.map(preview));
    form.classList.toggle("ready", chosen.length > 0);
    const files = new DataTransfer();
    for (const file of chosen) files.items.add(file);
    input.files = files.files;
  };

  const preview = (file, position) => {
    const item = document.createElement("li");
    const image = new Image();
    image.alt = "";
    image.src = URL.createObjectURL(file);
    const name = document.createElement("span");
    name.textContent = file.name;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `${form.dataset.remove}: ${file.name}`);
    remove.addEventListener("click", () => {
      chosen.splice(position, 1);
      show();
    });
    item.append(image, name, remove);
    if (file.size > mostBytes) {
      const warning = document.createElement("span");
      warning.className = "bad";
      warning.textContent = form.dataset.tooLarge;
      item.append(warning);
    }
    return item;
  };

  const add = (files) => {
    const every = [...chosen, ...files];
    chosen = every.slice(0, most);
    complain(every.length > most ? form.dataset.tooMany : "");
    show();
  };

  input.addEventListener("change", () => add(input.files));
  camera.addEventListener("change", () => add(camera.files));
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) add(event.clipboardData.files);
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    add(event.dataTransfer.files);
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const failed = (why) => {
      progress.hidden = true;
      send.disabled = false;
      complain(why || form.dataset.failed);
    };
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (step) => {
      progress.value = (100 * step.loaded) / step.total;
    });
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    // The answer says where to look: the result, the history, or here again for the reasons.
    request.addEventListener("load", () => {
      if (request.response?.next) {
        window.location.assign(request.response.next);
        return;
      }
      renew(request.response);
      failed(request.response?.message);
    });
    request.addEventListener("error", () => failed());
    progress.hidden = false;
    send.disabled = true;
    complain("");
    request.send(new FormData(form));
  });
}
