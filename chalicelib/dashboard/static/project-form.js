// Take a pasted URL apart into the fields, here in the browser, and copy the SQL of a reader's role.
// Only what is plain is taken apart; all else stays in its field for the server to judge.
const PLAIN =
  /^postgres(?:ql)?:\/\/([^:/?@#]+)(?::([^/?@#]*))?@(\[[^\]]+\]|[^:/?@#[\],]+)(?::([0-9]{1,5}))?(?:\/([^?#]*))?(?:\?sslmode=([a-z-]+))?$/;
const WITH_PASSWORD = /^(postgres(?:ql)?:\/\/[^:/?@#]+):([^/?@#]+)(@[^@]+)$/;

const field = (name) => document.getElementById(name);
const url = field("url");
const said = field("url-said");

const decoded = (parts) => {
  try {
    return parts.map((part) => decodeURIComponent(part ?? ""));
  } catch {
    return null;
  }
};

const apart = () => {
  const values = decoded(PLAIN.exec(url.value.trim())?.slice(1) ?? []);
  if (!values?.length) return;
  const [user, password, host, port, database, sslmode] = values;
  const modes = [...field("sslmode").options].map((option) => option.value);
  if (!modes.includes(sslmode)) return;
  field("user").value = user;
  if (password) field("password").value = password;
  field("host").value = host.replace(/^\[|\]$/g, "");
  field("port").value = port || "5432";
  field("database").value = database || user;
  field("sslmode").value = sslmode;
  url.value = "";
  said.textContent = `Filled in below: ${field("database").value} at ${field("host").value}.`;
};

// the address of a Supabase project stands in plain sight, so its password must not stand in it
const hidden = () => {
  const parts = WITH_PASSWORD.exec(url.value.trim());
  const password = decoded([parts?.[2]])?.[0];
  if (!password) return;
  url.value = parts[1] + parts[3];
  if (!/^\[YOUR[-_]PASSWORD\]$/.test(password)) field("password").value = password;
};

url?.addEventListener("input", field("host") ? apart : hidden);

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
