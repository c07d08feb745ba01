// Show every time in the zone that the reader chose, else the browser's; the server wrote UTC.
// Steps follow each other within seconds, so they show those, and their day with the pointer.
const timeZone = document.documentElement.dataset.zone || undefined;
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", timeZone });

export const showTimes = (root) => {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    const isClock = "clock" in element.dataset;
    element.title = isClock ? format.format(moment) : element.textContent.trim();
    element.textContent = (isClock ? clock : format).format(moment);
  }
};

showTimes(document);
