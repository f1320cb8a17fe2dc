// Tells the site which time zone to show dates in.
"use strict";
document.cookie =
  `time_zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=lax`;
