// Choosing many results: a whole page at once, and how many are chosen. Works without as well.
"use strict";
{
  const form = document.getElementById("selection");
  const scope = document.getElementById("scope");
  const whole = document.getElementById("select-all");
  const remove = form?.querySelector("[data-confirm]");
  const question = remove?.dataset.confirm;
  const boxes = () => [...document.querySelectorAll("input[name=selected]")];

  const show = () => {
    const chosen = boxes().filter((box) => box.checked).length;
    const option = scope.options[0];
    option.textContent = option.dataset.words.replace("#", chosen);
    whole.checked = chosen > 0 && chosen === boxes().length;
    whole.indeterminate = chosen > 0 && !whole.checked;
    // All that match are asked about on a page of their own.
    if (scope.value === "all") remove.removeAttribute("data-confirm");
    else remove.dataset.confirm = question;
    for (const button of form.querySelectorAll("button")) {
      button.disabled = scope.value === "selected" && chosen === 0;
    }
  };

  if (form) {
    whole.addEventListener("change", () => {
      for (const box of boxes()) box.checked = whole.checked;
      scope.value = "selected";
      show();
    });
    document.addEventListener("change", (event) => {
      if (event.target.name === "selected") scope.value = "selected";
      if (event.target.name === "selected" || event.target === scope) show();
    });
    // A card that is fetched again comes without its tick.
    document.addEventListener("htmx:afterSwap", show);
    window.addEventListener("pageshow", show);
    show();
  }
}
