// Take a pasted URL apart into the fields, here in the browser, and copy the SQL of a reader's role.
// Only what is plain is taken apart; all else stays in its field for the server to judge.
const PLAIN =
  /^postgres(?:ql)?:\/\/([^:/?@#]+)(?::([^/?@#]*))?@(\[[^\]]+\]|[^:/?@#[\],]+)(?::([0-9]{1,5}))?(?:\/([^?#]*))?(?:\?sslmode=([a-z-]+))?$/;

const field = (name) => document.getElementById(name);
const url = field("url");
const said = field("url-said");

const apart = () => {
  const parts = PLAIN.exec(url.value.trim());
  if (!parts || !field("host")) return;
  let values;
  try {
    values = parts.slice(1).map((part) => decodeURIComponent(part ?? ""));
  } catch {
    return;
  }
  const [user, password, host, port, database, sslmode] = values;
  const modes = [...field("sslmode").options].map((option) => option.value);
  if (!modes.includes(sslmode)) return;
  field("user").value = user;
  field("password").value = password;
  field("host").value = host.replace(/^\[|\]$/g, "");
  field("port").value = port || "5432";
  field("database").value = database || user;
  field("sslmode").value = sslmode;
  url.value = "";
  said.textContent = `Filled in below: ${field("database").value} at ${field("host").value}.`;
};

url?.addEventListener("input", apart);

for (const row of document.querySelectorAll(".needs-script")) row.hidden = false;

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const text = field(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
    }
  });
}

for (const button of document.querySelectorAll("[data-use-user]")) {
  button.addEventListener("click", () => {
    field("user").value = button.dataset.useUser;
    field("password").value = button.dataset.usePassword;
    field("user").focus();
  });
}
