// One box for all boxes of the list, and no button that has nothing to work on.
const bulk = document.getElementById("chosen");
const boxes = [...document.querySelectorAll("input[form=chosen][name=pick]")];
if (bulk && boxes.length) {
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Choose all on this page");
  document.querySelector(".history th").replaceChildren(all);
  const text = bulk.querySelector("span");
  const tell = () => {
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    for (const button of bulk.querySelectorAll("button")) button.disabled = count === 0;
    text.textContent = count ? `With the ${count} chosen:` : "Choose backups to act on several.";
  };
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  for (const box of boxes) box.addEventListener("change", tell);
  // browsers bring ticks back with a page that is gone back to
  addEventListener("pageshow", tell);
  tell();
}
