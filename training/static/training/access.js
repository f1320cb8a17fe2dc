// What the admin's package leaves out for keyboards and screen readers: the page's main part, and that
// what can be clicked can be reached and pressed. It marks both with nothing but a click handler.
"use strict";

(() => {
  const CLICKED = "[x-on\\:click]:not(a[href], button, input, select, textarea, label, summary, [tabindex])";
  const PRESSED = "[x-on\\:click][role=button]";

  addEventListener("DOMContentLoaded", () => {
    const main = document.getElementById("main") ?? document.getElementById("page");
    main?.setAttribute("role", "main");
    for (const icon of document.querySelectorAll(".material-symbols-outlined")) {
      // The name of an icon is its text: read out only where there is no other.
      if (icon.parentElement.textContent.trim() !== icon.textContent.trim()) icon.ariaHidden = "true";
    }
    for (const one of document.querySelectorAll(CLICKED)) {
      if (one.querySelector("a[href], button, input, select, textarea")) continue;
      one.tabIndex = 0;
      one.role = "button";
    }
  });

  addEventListener("keydown", (event) => {
    if (!["Enter", " "].includes(event.key) || !event.target.matches(PRESSED)) return;
    event.preventDefault();
    event.target.click();
  });
})();
