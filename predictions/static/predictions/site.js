// Everything here makes pages nicer; all of them work without it.
"use strict";

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
