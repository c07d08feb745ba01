// <backup-progress src="…/progress">: how far a backup has come, until it has ended.
//
// It needs nothing but the address of the progress in JSON, of the API or of the dashboard. It asks
// more slowly when nothing moves or nobody answers, stops while its page is hidden, and fires
// `ended` with the last answer. Without `stay` it loads the page again at the end. Restores and jobs
// name their own `steps`, separated by blanks. `compact` is one line for a list: what the server
// wrote stays until there is news, and at the end its status stands there; nothing is loaded again.
// Below the figures stands what happened last, as the server tells it: a page that is loaded again
// shows the same.
const FASTEST_MS = 1000;
const SLOWEST_MS = 15000;
const ENDED = new Set(["completed", "failed", "cancelled"]);
const STEPS = "prepare dump verify seal complete";
const LINES = 6;

const clock = new Intl.DateTimeFormat(undefined, {
  timeStyle: "medium",
  timeZone: document.documentElement.dataset.zone || undefined,
});

const size = (count) => {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : value} ${units[unit]}`;
};

const span = (seconds) => {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
};

const took = (seconds) => (seconds < 10 ? `${seconds.toFixed(1)} s` : span(seconds));

const element = (name, attributes = {}) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

const line = ({ phase, words, attempt, began_at, duration_s }) => {
  const made = element("li", phase ? { class: "phase" } : {});
  const time = element("time", { datetime: began_at });
  time.textContent = clock.format(new Date(began_at));
  const text = element("span", { class: "words" });
  text.textContent = attempt > 1 && !phase ? `${words}, attempt ${attempt}` : words;
  const length = element("span");
  length.textContent = duration_s === null ? "" : took(duration_s);
  made.append(time, text, length);
  return made;
};

class BackupProgress extends HTMLElement {
  #wait = FASTEST_MS;
  #timer = 0;
  #last = "";
  #logged = "";
  #parts = {};
  #steps = [];

  connectedCallback() {
    this.#steps = (this.getAttribute("steps") ?? STEPS).split(" ").filter(Boolean);
    if (!this.hasAttribute("compact")) this.#build();
    document.addEventListener("visibilitychange", this.#visible);
    this.#ask();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#visible);
    clearTimeout(this.#timer);
  }

  #visible = () => {
    clearTimeout(this.#timer);
    if (!document.hidden) this.#ask();
  };

  #build() {
    const steps = element("ol", { class: "steps-line", "aria-label": "Steps" });
    for (const name of this.#steps) {
      const step = element("li", { "data-step": name });
      step.textContent = name;
      steps.append(step);
    }
    const bar = element("progress", { max: "1", "aria-label": "Progress" });
    const text = element("p", { class: "figures" });
    const table = element("p", { class: "lesser figures" });
    // Only steps are announced: figures change every second.
    const said = element("p", { class: "unseen", role: "status" });
    const log = element("ol", { class: "log", "aria-label": "What happened last" });
    this.replaceChildren(steps, bar, text, table, said, log);
    this.#parts = { steps, bar, text, table, said, log };
  }

  async #ask() {
    let answer;
    try {
      const response = await fetch(this.getAttribute("src"), {
        headers: { Accept: "application/json" },
        cache: "no-store",
      });
      if (response.status === 404) return this.#gone();
      if (!response.ok || response.redirected) throw new Error(String(response.status));
      answer = await response.json();
    } catch {
      if (this.#parts.table) this.#parts.table.textContent = "The service does not answer; trying again.";
      this.#wait = Math.min(this.#wait * 2, SLOWEST_MS);
      return this.#later();
    }
    this.#show(answer);
    if (ENDED.has(answer.status)) return this.#end(answer);
    const now = JSON.stringify(answer);
    this.#wait = now === this.#last ? Math.min(this.#wait * 1.5, 5000) : FASTEST_MS;
    this.#last = now;
    return this.#later();
  }

  #later() {
    clearTimeout(this.#timer);
    if (!document.hidden && this.isConnected) this.#timer = setTimeout(() => this.#ask(), this.#wait);
  }

  #show(answer) {
    if (this.hasAttribute("compact")) this.#mark(answer);
    else this.#fill(answer);
  }

  #mark({ status, step, progress }) {
    const mark = element("span", { class: `mark ${status}` });
    const share = progress && progress.fraction !== null ? ` ${Math.floor(progress.fraction * 100)} %` : "";
    mark.textContent = ENDED.has(status) || status === "pending" ? status : `${step}${share}`;
    this.replaceChildren(mark);
  }

  #fill({ status, step, steps: begun = [], progress }) {
    const { steps, bar, text, table, said } = this.#parts;
    const reached = status === "completed" ? this.#steps.length : this.#steps.indexOf(step);
    [...steps.children].forEach((item, index) => {
      item.className = index < reached ? "done" : index === reached ? "now" : "";
    });
    const latest = begun.at(-1)?.words ?? step ?? status;
    const words = status === "pending" ? "waiting for a worker" : ENDED.has(status) ? status : latest;
    if (said.textContent !== words) said.textContent = words;
    if (progress && progress.fraction !== null && progress.fraction < 1) bar.value = progress.fraction;
    else if (status === "completed") bar.value = 1;
    else bar.removeAttribute("value");
    text.textContent = progress ? this.#figures(progress) : words;
    table.textContent = progress && progress.table ? `reading ${progress.table}` : "";
    this.#log(begun);
  }

  #log(begun) {
    const now = JSON.stringify(begun);
    if (now === this.#logged) return;
    this.#logged = now;
    this.#parts.log.replaceChildren(...begun.slice(-LINES).map(line));
  }

  #figures(progress) {
    const parts = [`${size(progress.raw_bytes_done)} read`];
    if (progress.raw_bytes_total) parts[0] += ` of about ${size(progress.raw_bytes_total)}`;
    if (progress.tables_total) parts.push(`${progress.tables_done} of ${progress.tables_total} tables`);
    if (progress.bytes_per_s) parts.push(`${size(progress.bytes_per_s)}/s`);
    if (progress.eta_s) parts.push(`about ${span(progress.eta_s)} left`);
    return parts.join(" · ");
  }

  #gone() {
    if (!this.#parts.text) return this.replaceChildren("deleted");
    this.#parts.text.textContent = "This is no longer there.";
    this.#parts.table.textContent = "";
    this.#parts.bar.hidden = true;
  }

  #end(answer) {
    this.dispatchEvent(new CustomEvent("ended", { bubbles: true, detail: answer }));
    if (!this.hasAttribute("stay") && !this.hasAttribute("compact")) location.reload();
  }
}

customElements.define("backup-progress", BackupProgress);
