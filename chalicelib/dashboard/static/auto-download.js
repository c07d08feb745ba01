// Fetch the file that was asked for when its backup was: once, so that a reload fetches nothing.
const form = document.querySelector("form[data-at-once]");
if (form) {
  const here = new URL(location.href);
  here.searchParams.delete("download");
  history.replaceState(null, "", here);
  form.requestSubmit();
}
