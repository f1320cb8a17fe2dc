// A zip, sent in pieces: what the site has of it already is not sent again.

import { form, request } from "./requests.js";

const OVER = ["failed", "cancelled"]; // of which nothing is kept

// `address`: that of the batch it goes to.
export async function sendArchive(file, address, progressed) {
  const archive = await begunOrNew(file, address);
  const target = `${address}archives/${archive.id}/`;
  let { received } = archive;
  while (received < file.size) {
    progressed(received);
    const piece = file.slice(received, received + archive.piece_bytes);
    const before = received;
    const call = request("PUT", `${target}?offset=${before}`, piece, (sent) => progressed(before + sent));
    received = await call.then((answer) => answer.received, (error) => goesOnAt(error, before));
  }
}

async function begunOrNew(file, address) {
  const { archives } = await request("GET", `${address}progress.json`);
  const isThis = (one) => one.name === file.name && one.bytes === file.size;
  const begun = archives.find((one) => isThis(one) && !OVER.includes(one.state));
  return begun ?? request("POST", `${address}archives/`, form({ name: file.name, bytes: file.size }));
}

// Another tab, or a piece whose answer was lost: the site says where it is.
function goesOnAt(error, before) {
  const { received } = error.answer ?? {};
  if (error.status !== 409 || received === undefined || received === before) throw error;
  return received;
}
