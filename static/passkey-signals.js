// Tells the browser which of its passkeys exist here (WebAuthn Level 3 §5.1.10), so that password
// managers hide others and show the present name. Browsers that can't be told are left alone.
const read = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
const Passkeys = window.PublicKeyCredential;
const mine = read("passkey-signals");
const unknown = read("unknown-passkey");

async function tell(signal, what) {
  try {
    await Passkeys?.[signal]?.(what);
  } catch {
    // The browser refuses; nothing depends on it.
  }
}

if (mine) {
  const { rpId, userId, name, displayName, allAcceptedCredentialIds } = mine;
  tell("signalAllAcceptedCredentials", { rpId, userId, allAcceptedCredentialIds });
  tell("signalCurrentUserDetails", { rpId, userId, name, displayName });
}
if (unknown) tell("signalUnknownCredential", unknown);
