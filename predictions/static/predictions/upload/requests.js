// One request to the site, with its progress, and what can go wrong with it.

const STALLED = 90_000; // milliseconds without a byte in either direction

// Nothing came back: whether it arrived is not known, so it is sent again under the same token.
export class ConnectionLost extends Error {}

// The site said no, in a sentence. `seconds`: when to try again, where it says so.
export class Refused extends Error {
  constructor(status, answer, seconds) {
    super(answer?.message ?? "");
    this.status = status;
    this.answer = answer ?? {};
    this.seconds = seconds;
  }

  // Whether it is about what was sent rather than about anything sent now.
  get isFinal() {
    return [400, 410, 413, 415, 422].includes(this.status);
  }
}

const field = document.querySelector("#upload [name=csrfmiddlewaretoken]");

// `progressed` is told how many bytes of the body are on their way.
export function request(method, url, body, progressed = () => {}) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    let watch;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => call.abort(), STALLED);
    };
    call.open(method, url);
    call.responseType = "json";
    call.setRequestHeader("Accept", "application/json");
    call.setRequestHeader("X-CSRFToken", field.value);
    call.upload.addEventListener("progress", (step) => {
      alive();
      progressed(step.loaded);
    });
    call.addEventListener("loadend", () => {
      clearTimeout(watch);
      const { status, response } = call;
      if (status >= 200 && status < 300 && response) resolve(response);
      else if (!status || status < 300) reject(new ConnectionLost());
      else {
        if (response?.token) field.value = response.token; // the form was too old; once more works
        reject(new Refused(status, response, Number(call.getResponseHeader("Retry-After"))));
      }
    });
    alive();
    call.send(body);
  });
}

export function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}
