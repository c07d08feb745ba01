// Fetch the file that was asked for when its backup was: once, so that a reload fetches nothing.
const form = document.querySelector("form[data-at-once]");
const fetchOnce = () => {
  const here = new URL(location.href);
  here.searchParams.delete("download");
  history.replaceState(null, "", here);
  form.requestSubmit();
};
// a form that is sent while its page is still loading would end the loading
if (form && document.readyState === "complete") fetchOnce();
else if (form) addEventListener("load", () => setTimeout(fetchOnce));
