// Passkeys, where the browser knows them: a form with data-passkey asks for one and sends what the
// browser answers; with data-autofill one can also be picked where the address is typed, and with
// data-conditional a password manager may make one by itself.
// A challenge is fetched when it is used, so that tabs don't answer with each other's.
const able = window.PublicKeyCredential?.parseRequestOptionsFromJSON !== undefined;
const forms = able ? document.querySelectorAll("form[data-passkey]") : [];
let waiting = null;

async function ask(form, mediation) {
  waiting?.abort();
  const { signal } = (waiting = new AbortController());
  const creates = form.dataset.passkey === "create";
  const address = new URL(form.action);
  if (creates && mediation) address.searchParams.set(mediation, "1");
  const answer = await fetch(address, { headers: { Accept: "application/json" }, signal });
  if (!answer.ok) throw new Error(`No challenge: ${answer.status}`);
  const { publicKey } = await answer.json();
  const credential = creates
    ? await navigator.credentials.create({
        publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey), mediation, signal,
      })
    : await navigator.credentials.get({
        publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey), mediation, signal,
      });
  form.elements.credential.value = JSON.stringify(credential.toJSON());
  // A box of another form that is meant for this one, too.
  for (const box of document.querySelectorAll("[data-also]:checked")) box.setAttribute("form", form.id);
  form.submit();
}

async function canAskQuietly(form) {
  if (form.dataset.passkey === "get") return PublicKeyCredential.isConditionalMediationAvailable?.();
  return (await PublicKeyCredential.getClientCapabilities?.())?.conditionalCreate;
}

async function offer(form) {
  try {
    if (await canAskQuietly(form)) await ask(form, "conditional");
  } catch {
    // Nothing was picked, or another way was taken: the button is still there.
  }
}

for (const form of forms) {
  const failed = form.querySelector("[data-failed]");
  const autofill = "autofill" in form.dataset;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    failed.hidden = true;
    try {
      await ask(form);
    } catch (problem) {
      // A user who closes the browser's window has changed their mind.
      failed.hidden = ["NotAllowedError", "AbortError"].includes(problem.name);
      if (autofill) offer(form);
    }
  });
  if ("conditional" in form.dataset) offer(form);
  if (!autofill) continue;
  offer(form);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") offer(form);
  });
}
for (const other of document.querySelectorAll("form:not([data-passkey])")) {
  other.addEventListener("submit", () => waiting?.abort());
}
for (const words of document.querySelectorAll("[data-without-passkeys]")) words.hidden = able;
for (const words of document.querySelectorAll("[data-with-passkeys]")) words.hidden = !able;
if (able) {
  // So that a passkey is offered after the password only where one can be made.
  PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().then((here) => {
    for (const field of document.getElementsByName("can_make_passkeys")) field.value = here ? "1" : "";
  });
}
