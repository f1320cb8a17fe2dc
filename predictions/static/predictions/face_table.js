// The table of faces is sorted by any of its columns.
"use strict";
{
  const words = new Intl.Collator(document.documentElement.lang, { numeric: true });

  const sort = (heading) => {
    const table = heading.closest("table");
    const column = heading.cellIndex;
    const way = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const valueOf = (body) => body.rows[0].cells[column].dataset.value;
    // What is not known comes last, whichever way.
    const order = (a, b) => !a - !b || way * words.compare(a, b);
    const bodies = [...table.tBodies].sort((a, b) => order(valueOf(a), valueOf(b)));
    table.append(...bodies);
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", way === 1 ? "ascending" : "descending");
  };

  const prepare = () => {
    for (const heading of document.querySelectorAll(".faces [data-sort]")) {
      if (heading.querySelector("button")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(heading));
      heading.append(button);
    }
  };
  document.addEventListener("htmx:afterSettle", prepare);
  prepare();
}
