// The anonymised picture is shown beside its form, and anew as other faces are chosen. Without
// this script the form opens it in a tab of its own.
"use strict";
{
  const show = (form) => {
    const picture = form.querySelector("img");
    picture.src = `${form.action}?${new URLSearchParams(new FormData(form))}`;
    picture.hidden = false;
  };
  document.addEventListener("submit", (event) => {
    if (!event.target.matches(".covering") || event.submitter?.name === "download") return;
    event.preventDefault();
    show(event.target);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest(".covering");
    if (form && !form.querySelector("img").hidden) show(form);
  });
}
