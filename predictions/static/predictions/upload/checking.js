// Why a file will not be sent: the name of a word of the page, or nothing.

import { isZip } from "./files.js";

export function reasonAgainst({ file, path, isUnreadable }, limits) {
  if (isUnreadable) return "unreadable";
  if (isZip(file)) {
    if (path.includes("/")) return "zipInFolder";
    return file.size > limits.zipBytes ? "zipTooLarge" : "";
  }
  if (isOtherKind(file, limits.accept)) return "otherKind";
  if (file.size > limits.photoBytes) return "tooLarge";
  return file.size ? "" : "empty";
}

// Of what the browser has no name for, the site finds out what it is.
function isOtherKind(file, accept) {
  const kinds = accept.toLowerCase().split(",");
  const extension = file.name.toLowerCase().replace(/^.*(?=\.)/, "");
  return file.type !== "" && !kinds.includes(file.type.toLowerCase()) && !kinds.includes(extension);
}
