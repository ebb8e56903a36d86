// Signs in with a passkey, and makes one: asks the platform what to sign, the browser for the answer, and sends that with the form. Without this script, or in a
// browser that cannot do it, the forms stay hidden and there is the password.
(() => {
  "use strict";
  const passkeys = window.PublicKeyCredential;
  if (!passkeys?.parseCreationOptionsFromJSON || !passkeys.parseRequestOptionsFromJSON) return;

  // What a browser says of itself when it makes or finds none (WebAuthn, 5.1).
  const TROUBLE = { NotAllowedError: "passkey_cancelled", InvalidStateError: "passkey_known" };

  async function options(form) {
    const password = form.elements.password?.value || null;
    const headers = { Accept: "application/json", "Content-Type": "application/json" };
    const body = form.dataset.passkey === "create" ? JSON.stringify({ password }) : null;
    const answer = await fetch(form.dataset.options, { method: "POST", headers, body });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.code);
    return told;
  }

  async function credential(form) {
    const asked = await options(form);
    return form.dataset.passkey === "create"
      ? navigator.credentials.create({ publicKey: passkeys.parseCreationOptionsFromJSON(asked) })
      : navigator.credentials.get({ publicKey: passkeys.parseRequestOptionsFromJSON(asked) });
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (location.origin !== form.dataset.origin) continue;
    const button = form.querySelector("button");
    const said = form.querySelector("[data-said]");
    const proof = form.querySelector("[data-proof]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      said.textContent = "";
      try {
        form.elements.credential.value = JSON.stringify((await credential(form)).toJSON());
        form.submit();
      } catch (error) {
        const code = TROUBLE[error.name] ?? error.message;
        said.textContent = said.getAttribute(`data-${code}`) ?? said.dataset.otherwise;
        if (proof && code === "password_needed") proof.hidden = false;
        button.disabled = false;
      }
    });
    form.hidden = false;
    for (const other of document.querySelectorAll("[data-without-passkeys]")) other.hidden = true;
  }
})();
