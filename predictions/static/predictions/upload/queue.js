// Sends what waits, some at a time. Where the connection or the site fails, it stops with
// everything kept, and goes on by itself or when told to.

import { ConnectionLost } from "./requests.js";

const AT_ONCE = 3;
const PAUSES = [2, 5, 15, 60]; // seconds before it tries again by itself

export class Queue {
  #waiting = [];
  #running = 0;
  #pauses = 0;
  #timer;

  // `problem` is what stopped it; `changed` is called after every step.
  constructor(changed) {
    this.changed = changed;
    this.problem = null;
    this.isGoing = false;
    window.addEventListener("online", () => {
      if (this.problem instanceof ConnectionLost) this.resume();
    });
  }

  get isBusy() {
    return this.isGoing || this.#running > 0;
  }

  start(items) {
    this.items = items;
    this.resume();
  }

  // `first`: the one that somebody asked for.
  resume(first) {
    clearTimeout(this.#timer);
    this.problem = null;
    this.isGoing = true;
    // What has failed most comes last, so that one bad file does not hold up the others.
    const left = this.items.filter((item) => item.isLeft).sort((a, b) => a.failures - b.failures);
    this.#waiting = first ? [first, ...left.filter((item) => item !== first)] : left;
    for (const item of this.#waiting) item.show("waiting");
    this.#fill();
  }

  #fill() {
    while (this.isGoing && this.#running < AT_ONCE && this.#waiting.length) {
      this.#run(this.#waiting.shift());
    }
    if (!this.#waiting.length && !this.#running) this.isGoing = false;
    this.changed();
  }

  async #run(item) {
    this.#running += 1;
    try {
      await item.send();
      this.#pauses = 0;
    } catch (error) {
      if (!item.failed(error) && this.isGoing) this.#stop(error);
    }
    this.#running -= 1;
    this.#fill();
  }

  #stop(problem) {
    this.problem = problem;
    this.isGoing = false;
    for (const item of this.#waiting) item.show("left");
    this.#waiting = [];
    let seconds = problem.seconds;
    if (problem instanceof ConnectionLost) {
      seconds = PAUSES[Math.min(this.#pauses, PAUSES.length - 1)];
      this.#pauses += 1;
    }
    if (seconds && seconds <= 120) this.#timer = setTimeout(() => this.resume(), seconds * 1000);
  }
}
