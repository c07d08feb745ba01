// <time-left until="…">: how long something still lives. The server's words stay without scripts.
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const words = (left) => {
  if (left <= 0) return "ended";
  if (left >= DAY) return `${Math.floor(left / DAY)} d ${Math.floor((left % DAY) / HOUR)} h left`;
  if (left >= HOUR) return `${Math.floor(left / HOUR)} h ${Math.floor((left % HOUR) / MINUTE)} min left`;
  return `${Math.floor(left / MINUTE)} min ${Math.floor((left % MINUTE) / 1000)} s left`;
};

class TimeLeft extends HTMLElement {
  #timer = 0;

  connectedCallback() {
    this.title = this.textContent;
    this.#tick();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  #tick() {
    const left = new Date(this.getAttribute("until")) - Date.now();
    if (Number.isNaN(left)) return;
    this.textContent = words(left);
    // what is far off changes once a minute; nobody watches its seconds
    if (left > 0) this.#timer = setTimeout(() => this.#tick(), left > HOUR ? MINUTE : 1000);
  }
}

customElements.define("time-left", TimeLeft);
