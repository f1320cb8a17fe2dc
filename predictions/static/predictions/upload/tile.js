// One chosen file on the page: what it is, how far it is sent, what became of it.

import { ConnectionLost, Refused } from "./requests.js";

const template = document.getElementById("tile");

export function randomToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Tile {
  // `deliver(tile)` sends the file; it is set when the sending begins.
  constructor({ file, path }, words, { removed, again }) {
    Object.assign(this, { file, path, words, deliver: null, url: "", loaded: 0, failures: 0 });
    this.token = randomToken(); // one for all tries, so that the site takes the photo once
    this.element = template.content.firstElementChild.cloneNode(true);
    this.find(".name").textContent = file.name;
    this.find(".name").title = path;
    for (const [selector, act] of [[".remove", removed], [".again", again]]) {
      const button = this.find(selector);
      button.setAttribute("aria-label", `${button.title || button.textContent}: ${path}`);
      button.addEventListener("click", () => act(this));
    }
    this.show("ready");
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  get isLeft() {
    return this.state === "ready" || this.state === "left";
  }

  picture() {
    const image = this.find("img");
    image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    image.addEventListener("error", () => image.remove(), { once: true });
    image.src = URL.createObjectURL(this.file);
  }

  show(state, reason = "") {
    this.state = state;
    this.element.dataset.state = state;
    this.reason = reason;
    this.find(".outcome").textContent = reason || (this.words[state] ?? "");
    this.find("progress").hidden = state !== "sending";
    this.find(".again").hidden = state !== "left";
    this.find(".remove").hidden = !["ready", "left", "refused"].includes(state);
  }

  refuse(reason) {
    this.show("refused", reason);
  }

  progressed(bytes) {
    this.loaded = Math.min(bytes, this.file.size);
    this.find("progress").value = this.loaded / (this.file.size || 1);
  }

  async send() {
    this.progressed(0);
    this.show("sending");
    await this.deliver(this);
    this.progressed(this.file.size);
    this.show("sent");
  }

  // What an error means for this file; whether it is about this one alone.
  failed(error) {
    this.loaded = 0;
    this.failures += 1;
    if (error instanceof Refused && error.isFinal) {
      this.refuse(error.message || this.words.refused);
      return true;
    }
    if (error instanceof DOMException) {
      this.refuse(this.words.unreadable);
      return true;
    }
    if (!(error instanceof Refused || error instanceof ConnectionLost)) throw error;
    this.show("left");
    return false;
  }
}

// Raises a DOMException where a file was moved or changed since it was chosen, which a request
// that fails for it does not tell.
export async function whileReadable(file, sending) {
  try {
    return await sending();
  } catch (error) {
    if (error instanceof ConnectionLost) await file.slice(0, 1).arrayBuffer();
    throw error;
  }
}
