// The files that the upload page did not send to this batch, as it noted them in this tab.
"use strict";
{
  const section = document.getElementById("not-taken");
  const told = JSON.parse(window.sessionStorage.getItem(`not taken ${location.pathname}`) ?? "{}");
  for (const [path, reason] of Object.entries(told)) {
    const line = document.createElement("li");
    line.textContent = `${path}: ${reason}`;
    section.querySelector("ul").append(line);
  }
  section.hidden = !Object.keys(told).length;
}
