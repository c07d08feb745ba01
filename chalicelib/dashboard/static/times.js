// Show every time in the zone that the reader chose, else the browser's; the server wrote UTC.
const zone = document.documentElement.dataset.zone;
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: zone || undefined });

export const showTimes = (root) => {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    element.title = element.textContent.trim();
    element.textContent = format.format(moment);
  }
};

showTimes(document);
