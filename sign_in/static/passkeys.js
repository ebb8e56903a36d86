// Signs in with a passkey, and makes one: asks the platform what to sign, the browser for the answer, and sends that with the form. Where the browser can, it also
// suggests passkeys in the field for the address. Without this script, or in a browser that cannot do it, the forms stay hidden and there is the password.
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

  async function credential(form, more) {
    const asked = await options(form);
    return form.dataset.passkey === "create"
      ? navigator.credentials.create({ publicKey: passkeys.parseCreationOptionsFromJSON(asked) })
      : navigator.credentials.get({ publicKey: passkeys.parseRequestOptionsFromJSON(asked), ...more });
  }

  function send(form, found) {
    form.elements.credential.value = JSON.stringify(found.toJSON());
    form.submit();
  }

  // What is to be signed is good for five minutes; suggestions are asked for anew before, while somebody sees the page.
  const FRESH_MS = 180000, LOOK_MS = 60000;

  function suggestions(form) {
    let waiting = null, asked = 0;
    async function start() {
      waiting?.abort();
      waiting = new AbortController();
      asked = Date.now();
      try {
        send(form, await credential(form, { mediation: "conditional", signal: waiting.signal }));
      } catch { /* nobody chose one, or there are none: the button and the password are still there */ }
    }
    const renew = () => { if (waiting && !document.hidden && Date.now() - asked >= FRESH_MS) start(); };
    setInterval(renew, LOOK_MS);
    document.addEventListener("visibilitychange", renew);
    return { start, stop() { waiting?.abort(); waiting = null; } };
  }

  const canSuggest = async () => (await passkeys.isConditionalMediationAvailable?.()) ?? false;

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (location.origin !== form.dataset.origin) continue;
    const button = form.querySelector("button");
    const said = form.querySelector("[data-said]");
    const proof = form.querySelector("[data-proof]");
    const suggested = form.dataset.passkey === "get" && suggestions(form);
    if (suggested) canSuggest().then((can) => { if (can) suggested.start(); });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      said.textContent = "";
      if (suggested) suggested.stop();
      try {
        send(form, await credential(form));
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
