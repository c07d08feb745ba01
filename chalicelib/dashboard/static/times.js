// Show every time in the reader's own zone; the server wrote it in UTC.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
for (const element of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.valueOf())) continue;
  element.title = element.textContent.trim();
  element.textContent = format.format(moment);
}
