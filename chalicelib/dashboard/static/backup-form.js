// <backup-form>: around the form of a backup. Shows the components that the chosen project has, and
// estimates without leaving the page. Without scripts the same buttons are steps of the form.
const FASTEST_MS = 400;
const SLOWEST_MS = 4000;

const estimateIn = (html) => new DOMParser().parseFromString(html, "text/html").getElementById("estimate");

class BackupForm extends HTMLElement {
  #timer = 0;
  #wait = FASTEST_MS;

  connectedCallback() {
    const form = this.querySelector("form");
    this.#fit(form);
    form.addEventListener("change", ({ target }) => {
      if (target.name === "project") this.#fit(form);
      this.#estimate.classList.toggle("stale", Boolean(this.#estimate.dataset.src));
    });
    form.addEventListener("submit", (event) => {
      if (event.submitter?.dataset.estimate === undefined) return;
      event.preventDefault();
      this.#begin(form, event.submitter);
    });
    this.#follow();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  get #estimate() {
    return this.querySelector("#estimate");
  }

  #fit(form) {
    const { kind, usual } = form.project.selectedOptions[0]?.dataset ?? {};
    if (usual) form.querySelector(".usual").textContent = `, ${usual}`;
    for (const choice of form.querySelectorAll("[data-kinds]")) {
      choice.hidden = !choice.dataset.kinds.split(" ").includes(kind);
      if (choice.hidden) choice.querySelector("input").checked = false;
    }
  }

  async #begin(form, button) {
    clearTimeout(this.#timer);
    button.disabled = true;
    try {
      const body = new URLSearchParams(new FormData(form));
      const response = await fetch(button.formAction, { method: "POST", body });
      if (!response.ok) throw new Error(String(response.status));
      this.#show(estimateIn(await response.text()));
    } catch {
      // what is wrong with the form stands on the page that the form itself leads to
      delete button.dataset.estimate;
      button.disabled = false;
      form.requestSubmit(button);
      return;
    }
    button.disabled = false;
    this.#wait = FASTEST_MS;
    this.#follow();
  }

  #follow() {
    if (this.#estimate.dataset.state !== "waiting") return;
    this.#timer = setTimeout(() => this.#ask(), this.#wait);
    this.#wait = Math.min(this.#wait * 1.5, SLOWEST_MS);
  }

  async #ask() {
    try {
      const response = await fetch(this.#estimate.dataset.src, { cache: "no-store" });
      if (!response.ok || response.redirected) throw new Error(String(response.status));
      const found = estimateIn(await response.text());
      if (found.dataset.state !== "waiting") this.#show(found);
    } catch {
      this.#wait = SLOWEST_MS;
    }
    this.#follow();
  }

  #show(found) {
    if (found) this.#estimate.replaceWith(document.importNode(found, true));
  }
}

customElements.define("backup-form", BackupForm);
