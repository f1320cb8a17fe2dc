// Tells the site which time zone to show dates in.
"use strict";
{
  const base = new URL(document.currentScript.src).pathname.split("/static/")[0];
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.cookie = `time_zone=${zone}; path=${base}/; max-age=31536000; samesite=lax`;
}
