// Before anything is drawn, so that what only scripts can do does not push the rest aside later.
"use strict";
document.documentElement.classList.add("js");
