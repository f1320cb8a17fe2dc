// A face's mark on the photo and its card, or its row, belong together: whichever is pointed at or
// focused lights up the other, whichever is pressed chooses both until something else is.
"use strict";
{
  const of = (number) => document.querySelectorAll(`[data-face="${number}"]`);
  const numberOf = (target) => target.closest?.("[data-face]")?.dataset.face;

  const light = (event, on) => {
    const number = numberOf(event.target);
    if (!number) return;
    for (const element of of(number)) element.classList.toggle("lit", on);
  };
  for (const [kind, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
    document.addEventListener(kind, (event) => light(event, on));
  }

  const choose = (number) => {
    for (const element of document.querySelectorAll("[data-face][aria-current]")) {
      element.removeAttribute("aria-current");
    }
    for (const element of number ? of(number) : []) element.setAttribute("aria-current", "true");
  };

  // What is out of sight comes into it, the focus goes along, and the page moves no further.
  const show = (element) => {
    element.scrollIntoView({ block: "nearest" });
    element.focus({ preventScroll: true });
  };

  const toggleDetails = (link) => {
    const row = document.getElementById(link.hash.slice(1));
    link.setAttribute("aria-expanded", row.classList.toggle("open"));
  };

  document.addEventListener("click", (event) => {
    const number = numberOf(event.target);
    if (!number) return;
    choose(number);
    const link = event.target.closest("a");
    if (link?.matches(".more")) {
      toggleDetails(link);
    } else if (link?.matches(".boxes a, .number")) {
      show(document.getElementById(link.getAttribute("href").slice(1)));
    } else {
      return;
    }
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(null);
  });

  // An address may name a face, as those that corrections lead back to do.
  const fromAddress = () => choose(/^#(?:face|mark|details)-(\d+)$/.exec(location.hash)?.[1]);
  const prepare = () => {
    for (const link of document.querySelectorAll(".faces .more")) {
      link.setAttribute("role", "button");
      const row = document.getElementById(link.hash.slice(1));
      link.setAttribute("aria-expanded", row.classList.contains("open"));
    }
    fromAddress();
  };
  document.addEventListener("htmx:afterSettle", prepare);
  window.addEventListener("hashchange", fromAddress);
  prepare();
}
