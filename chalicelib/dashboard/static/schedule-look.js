// While a schedule is being written, show what it would do. The server works it out and makes the
// markup; without this script a button of the form does the same.
import { showTimes } from "./times.js";

const WAIT_MS = 250;
const FIELDS = [
  "every", "at", "weekday", "day", "cron", "timezone",
  "keep_last", "keep_days", "hourly", "daily", "weekly", "monthly", "yearly", "min_keep", "budget_gb",
];

const place = document.querySelector("[data-look]");
const form = place?.closest("form");
let timer = 0;
let asked = 0;

const look = async () => {
  const query = new URLSearchParams();
  const given = new FormData(form);
  for (const name of FIELDS) if (given.get(name)) query.set(name, given.get(name));
  const mine = ++asked;
  try {
    const response = await fetch(`${place.dataset.look}?${query}`, { cache: "no-store" });
    if (!response.ok || response.redirected || mine !== asked) return;
    place.innerHTML = await response.text();
    showTimes(place);
  } catch {
    // What is shown belongs to earlier fields then; the button still asks the server.
  }
};

if (form) {
  form.querySelector("#look").hidden = true;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, WAIT_MS);
  });
}
