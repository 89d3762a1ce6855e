// The token inspector: reads a token here, in the browser, and says what is right and wrong with it.
// Nothing that is pasted leaves the page: it is in no form, no address and no storage, and the one
// request that is made fetches the provider's public keys. JWT BCP: RFC 8725.

const page = document.getElementById("inspector");
const input = document.getElementById("token");
const clientId = document.getElementById("client-id");
const result = document.getElementById("result");
const verdict = document.getElementById("verdict");
const { issuer, jwksUri, introspection } = page.dataset;

//: A token of more characters is none of ours.
const LONGEST = 64 * 1024;
//: Seconds that clocks may differ by without a word.
const CLOCK_SKEW = 60;

// --- what the names mean -------------------------------------------------------------------------

const HEADER = {
  alg: "The algorithm of the signature or, in an encrypted token, of its key.",
  enc: "How the content is encrypted.",
  kid: "Which of the issuer’s keys it takes, by its name in the key set.",
  typ: "What kind of token it is.",
  cty: "What is inside: JWT means that a signed token is encrypted here.",
  epk: "The sender’s part of the key agreement.",
  jku: "An address of keys. Never fetch it: the maker of the token wrote it.",
  jwk: "A key. Never trust it: the maker of the token wrote it.",
  x5u: "An address of a certificate. Never fetch it: the maker of the token wrote it.",
  crit: "Extensions of which each has to be understood, or the token refused.",
};

const CLAIMS = {
  iss: "Who made it: has to be the issuer you know, character by character.",
  sub: "Whom it is about. Keep it together with iss; it never changes and is never given to another.",
  aud: "Whom it is for: your client_id in an ID token, your API’s identifier in an access token.",
  exp: "Until when it is good.",
  nbf: "From when on it is good.",
  iat: "When it was made.",
  jti: "Its own name, so that one that works once is known when it comes again.",
  azp: "The client that it was made for, where aud names several.",
  client_id: "The app that asked for it.",
  scope: "What it opens.",
  auth_time: "When the user signed in, which may be long before the token was made.",
  nonce: "What your app sent in the authorization request; compare it, so that an attacker cannot inject another sign-in’s token.",
  acr: "How well the user signed in, by the name of a level.",
  amr: "What they used for it: pwd a password, otp a code, mfa two factors, pop a key, user a check on the device.",
  sid: "The user’s session at your app, the same in a token that ends it.",
  at_hash: "Binds the access token that came along: base64url of the left half of its hash, by the hash of alg (SHA-256 for RS256).",
  c_hash: "Binds the code that came along, as at_hash binds the access token.",
  s_hash: "Binds the state that came along, as at_hash binds the access token.",
  events: "The event, in a token that notifies of one.",
  cnf: "The key that the sender has to prove possession of.",
  name: "Their full name.",
  given_name: "Their given names.",
  family_name: "Their family names.",
  middle_name: "Their middle names.",
  nickname: "What they are called.",
  preferred_username: "The user name they like. It may change and need not be theirs alone: don’t find them by it.",
  profile: "Their page.",
  picture: "Their picture’s address.",
  website: "Their website.",
  gender: "Their gender.",
  birthdate: "Their birthday: a date, a year, or a date in the year 0000.",
  zoneinfo: "Their time zone.",
  locale: "Their language and region.",
  updated_at: "When their data last changed.",
  email: "Their email address. It may change: find them by sub.",
  email_verified: "Whether the address was verified.",
  address: "Their postal address.",
  phone_number: "Their phone number.",
  phone_number_verified: "Whether the number was verified.",
  groups: "The groups they belong to.",
  roles: "Their roles at the app that asked for the token.",
  response_type: "What a request object asks for.",
  redirect_uri: "Where a request object wants the answer.",
};
const TIMES = ["exp", "nbf", "iat", "auth_time", "updated_at"];

// --- kinds ---------------------------------------------------------------------------------------

const KINDS = {
  id: {
    title: "An ID token",
    lead: "It tells one app who signed in. It opens nothing: send an access token to APIs.",
    needs: ["sub", "aud", "exp", "iat"],
  },
  access: {
    title: "A JWT access token",
    lead: "It is for the API that aud names (RFC 9068). The app only passes it on.",
    needs: ["sub", "aud", "exp", "client_id"],
  },
  logout: {
    title: "A logout token",
    lead: "It notifies an app of the end of a session. No user signs in with it: where an ID token is due, refuse it.",
    needs: ["aud", "iat", "jti", "events"],
  },
  userinfo: {
    title: "A signed UserInfo answer",
    lead: "Claims about a user, for one app. It is no ID token: it does not say that they signed in.",
    needs: ["sub", "aud"],
  },
  introspection: {
    title: "A signed introspection answer",
    lead: "What the provider answered an API about a token (RFC 9701).",
    needs: ["aud", "iat"],
  },
  request: {
    title: "A request object",
    lead: "An app made and signed it to ask for a sign-in. Its key is the app’s: it is checked when it arrives, not here.",
    needs: [],
  },
  assertion: {
    title: "A client assertion",
    lead: "An app made and signed it to prove who it is. Its key is the app’s: it is checked when it arrives, not here.",
    needs: [],
  },
  other: {
    title: "A JWT of another kind",
    lead: "It is neither an ID token nor an access token of ours, by what it carries.",
    needs: [],
  },
};

function kindOf(header, claims) {
  const typ = String(header.typ ?? "").toLowerCase().replace(/^application\//, "");
  const events = isObject(claims.events) ? claims.events : {};
  // An API can have its access tokens typed JWT; unlike ID tokens, they name their client.
  if (typ === "at+jwt" || (typ === "jwt" && "jti" in claims && "client_id" in claims)) return "access";
  if (typ === "logout+jwt" || "http://schemas.openid.net/event/backchannel-logout" in events) return "logout";
  if (typ === "token-introspection+jwt") return "introspection";
  if (typ === "oauth-authz-req+jwt" || "response_type" in claims) return "request";
  if (claims.iss !== undefined && claims.iss === claims.sub) return "assertion";
  if ("exp" in claims && "sub" in claims) return "id";
  if ("sub" in claims && "aud" in claims) return "userinfo";
  return "other";
}

// --- reading -------------------------------------------------------------------------------------

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The bytes of a base64url text, or null. */
function bytesOf(text) {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return null;
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

/** The JSON object in a part of a token, or null. */
function objectOf(part) {
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(part) ?? Uint8Array.of(255)));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Why a text is no token that can be read, as a title and a sentence; null where it is one. */
function unreadable(text) {
  const no = (words) => ["This is not a token", words];
  if (text.length > LONGEST) return no(`It has ${text.length} characters; a token has at most a few thousand.`);
  if (text.startsWith("{")) return no("It looks like the token endpoint’s whole answer. Paste one value of it, such as that of id_token.");
  if (/^[a-z]+:\/\//i.test(text)) return no("It is an address. Paste the token alone.");
  const parts = text.split(".");
  if (parts.length === 1 && /^[\w-]{20,}$/.test(text))
    return [
      "An opaque value",
      `Nothing can be read from it, here or anywhere: it is the name of what the provider keeps. If it is an access token, ask ${introspection} about it, with your client’s authentication. Codes and refresh tokens look the same, and go to the token endpoint.`,
    ];
  if (parts.length !== 3 && parts.length !== 5)
    return no(`A token has three parts with a dot between them, or five if it is encrypted. This has ${parts.length}; was it cut off?`);
  if (parts.some((part) => /[+/=]/.test(part)))
    return no("It has characters of plain base64 (+, / or =). Tokens are base64url: look for what encodes it anew.");
  const header = objectOf(parts[0]);
  if (header === null) return no("Its first part is not JSON in base64url. Was something lost when it was copied?");
  if (parts.length === 3 && objectOf(parts[1]) === null)
    return no("Its second part is not JSON in base64url. Was something lost when it was copied?");
  return null;
}

// --- checks --------------------------------------------------------------------------------------
// Each gives a finding: what it is about, whether it is right (null: that can’t be said here), and why.

function finding(about, right, words) {
  return { about, right, words };
}

function shown(value) {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "missing");
}

function duration(seconds) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [name, size] = units.find(([, size]) => seconds >= size) ?? ["second", 1];
  const count = Math.floor(seconds / size);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

function isTime(value) {
  return typeof value === "number" && Math.abs(value) <= 8.64e12;
}

function moment(value) {
  return new Date(value * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC").replace("Z", " UTC");
}

function timeIsRight({ claims, needs, now }) {
  const wrong = (words) => finding("Time", false, words);
  for (const name of ["exp", "nbf", "iat"])
    if (name in claims && !isTime(claims[name])) return wrong(`${name} is not a number of seconds since 1970.`);
  const { exp, nbf, iat } = claims;
  if (exp !== undefined && exp <= now)
    return wrong(`Expired ${duration(now - exp)} ago, at ${moment(exp)}. If it is new, is a clock wrong?`);
  if (nbf !== undefined && nbf > now + CLOCK_SKEW)
    return wrong(`Not good yet: in ${duration(nbf - now)}, at ${moment(nbf)}. Is a clock wrong?`);
  if (iat !== undefined && iat > now + CLOCK_SKEW)
    return wrong(`Made ${duration(iat - now)} in the future, at ${moment(iat)}. Is a clock wrong?`);
  if (exp === undefined)
    return needs.includes("exp")
      ? wrong("There is no exp: it would never expire.")
      : finding("Time", null, `It has no end (exp)${iat === undefined ? "" : `; it was made ${duration(now - iat)} ago`}.`);
  return finding("Time", true, `Good for another ${duration(exp - now)}, until ${moment(exp)}.`);
}

function issuerIsRight({ claims, kind }) {
  if (claims.iss === issuer) return finding("Issuer", true, "iss is this provider.");
  const has = `iss is ${shown(claims.iss)}`;
  if (kind === "request" || kind === "assertion") return finding("Issuer", null, `${has}: the app that made it.`);
  const bySlash = typeof claims.iss === "string" && claims.iss.replace(/\/$/, "") === issuer.replace(/\/$/, "");
  return finding(
    "Issuer",
    false,
    bySlash
      ? `${has}, which differs from ${issuer} by the slash at its end. It is compared character by character.`
      : `${has}, not this provider, which is ${issuer}.`,
  );
}

function audienceIsRight({ claims, kind }) {
  const wanted = clientId.value.trim();
  const forClient = kind === "access" ? claims.client_id : claims.aud;
  const has = `${kind === "access" ? "client_id" : "aud"} is ${shown(forClient)}`;
  if (kind === "request" || kind === "assertion") {
    const right = [claims.aud].flat().includes(issuer);
    return finding("Audience", right, right ? "aud is this provider." : `aud is ${shown(claims.aud)}; it has to be ${issuer}.`);
  }
  if (claims.aud === undefined) return finding("Audience", false, "There is no aud: it could be meant for any app or API.");
  if (kind === "access" && wanted === "")
    return finding("Audience", null, `It is for the API ${shown(claims.aud)}, which has to find its own identifier there.`);
  if (wanted === "") return finding("Audience", null, `It is for the app ${shown(claims.aud)}. Is that your client_id?`);
  if (![forClient].flat().includes(wanted))
    return finding("Audience", false, `${has}: this token is for another app, not for ${wanted}.`);
  if (claims.azp !== undefined && claims.azp !== wanted)
    return finding("Audience", false, `azp is ${shown(claims.azp)}: it was made for another app, not for ${wanted}.`);
  return finding("Audience", true, `${has}: your app.`);
}

function nothingIsMissing({ claims, needs }) {
  const missing = needs.filter((name) => claims[name] === undefined && name !== "exp" && name !== "aud");
  return missing.length ? [finding("Claims", false, `Missing: ${missing.join(", ")}.`)] : [];
}

function criticalIsUnderstood({ header }) {
  if (!("crit" in header)) return [];
  return [finding("Extensions", false, `crit asks for ${shown(header.crit)}, which this provider never does.`)];
}

function bindings({ claims, kind }) {
  if (kind !== "id") return [];
  const nonce =
    claims.nonce === undefined
      ? "There is none. That is right after a refresh, or if your request had none; otherwise refuse it."
      : `Compare ${shown(claims.nonce)} with the one your app sent and kept in the browser’s session.`;
  return [finding("Nonce", null, nonce)];
}

// --- the signature -------------------------------------------------------------------------------

const SHA = { 256: "SHA-256", 384: "SHA-384", 512: "SHA-512" };
const CURVES = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };
//: The members of a public key (RFC 7518 §6): no others, so that no browser minds what they say.
const PUBLIC = ["kty", "crv", "x", "y", "n", "e"];

/** What WebCrypto calls an algorithm, to import its key and to verify; null for others. */
function algorithmOf(alg) {
  const hash = SHA[alg.slice(2)];
  if (/^RS(256|384|512)$/.test(alg)) return { name: "RSASSA-PKCS1-v1_5", hash };
  if (/^PS(256|384|512)$/.test(alg)) return { name: "RSA-PSS", hash, saltLength: Number(alg.slice(2)) / 8 };
  if (Object.hasOwn(CURVES, alg)) return { name: "ECDSA", hash, namedCurve: CURVES[alg] };
  if (alg === "EdDSA") return { name: "Ed25519" };
  return null;
}

let published = null;

/** The provider's keys, and by how many seconds this computer's clock is ahead of the provider's. */
async function publishedKeys() {
  const response = await fetch(jwksUri, { credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer" });
  if (!response.ok) throw new Error(String(response.status));
  const at = Date.parse(response.headers.get("Date") ?? "");
  const ahead = Number.isNaN(at) ? 0 : Math.round((Date.now() - at) / 1000);
  return { keys: (await response.json()).keys, ahead, fetched: Date.now() };
}

/** The same, kept while the page is open, and fetched again where `kid` is not among them. */
async function keysFor(kid) {
  const known = await (published ??= publishedKeys());
  const isNew = kid !== undefined && !known.keys.some((key) => key.kid === kid);
  return isNew && Date.now() - known.fetched > 5000 ? (published = publishedKeys()) : known;
}

async function signatureIsRight({ text, header, claims, kind }) {
  const wrong = (words) => finding("Signature", false, words);
  const unknown = (words) => finding("Signature", null, words);
  const alg = String(header.alg);
  if (alg.toLowerCase() === "none") return wrong("There is none (alg is none): anyone can write such a token.");
  if (kind === "request" || kind === "assertion") return unknown("Made with the app’s own key, which is not looked up here.");
  if (claims.iss !== issuer) return unknown("Not looked at: our keys say nothing about another issuer’s tokens.");
  if (/^HS/.test(alg)) return unknown(`${alg} takes the client’s secret, which belongs in no page. Your app can check it.`);
  const algorithm = algorithmOf(alg);
  if (algorithm === null) return wrong(`alg is ${shown(header.alg)}, which this provider does not sign with.`);
  if (!globalThis.crypto?.subtle) return unknown("It can’t be checked here: browsers do that on https pages only.");
  let keys;
  try {
    ({ keys } = await keysFor(header.kid));
  } catch {
    published = null;
    return unknown(`It could not be checked: ${jwksUri} did not answer.`);
  }
  const named = keys.filter((key) => header.kid === undefined || key.kid === header.kid);
  if (named.length === 0)
    return wrong(`${jwksUri} has no key with the kid ${shown(header.kid)}: it was retired long ago, or the token is not ours.`);
  const fitting = named.filter((key) => (key.alg ?? alg) === alg && key.use !== "enc");
  if (fitting.length === 0) return wrong(`The key ${shown(header.kid)} is for ${named[0].alg}, but alg says ${alg}.`);
  const [signed, signature] = [text.slice(0, text.lastIndexOf(".")), bytesOf(text.slice(text.lastIndexOf(".") + 1))];
  if (signature === null || signature.length === 0) return wrong("The third part is missing or cut off: that is the signature.");
  for (const key of fitting) {
    try {
      const members = Object.fromEntries(PUBLIC.filter((name) => name in key).map((name) => [name, key[name]]));
      const imported = await crypto.subtle.importKey("jwk", members, algorithm, false, ["verify"]);
      if (await crypto.subtle.verify(algorithm, imported, signature, new TextEncoder().encode(signed)))
        return finding("Signature", true, `Made with our key ${shown(key.kid)} (${alg}).`);
    } catch {
      return unknown(`It can’t be checked here: this browser does not know ${alg}. Your library can.`);
    }
  }
  return wrong("It does not belong to what is signed: the token was altered, cut off, or not made by this provider. Refuse it.");
}

// --- showing -------------------------------------------------------------------------------------

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function code(text) {
  return element("code", text);
}

const STATES = new Map([[true, "right"], [false, "wrong"], [null, "not decided here"]]);

function listOf(findings) {
  const list = element("ul", null);
  list.className = "facts";
  for (const { about, right, words } of findings) {
    const item = element("li", null, element("strong", `${about}: ${STATES.get(right)}`), element("span", words));
    item.className = right === false ? "wrong" : right ? "right" : "";
    list.append(item);
  }
  return list;
}

/** A table of members: name, value as it is, and what it means. */
function tableOf(title, members, meanings, now) {
  const rows = Object.entries(members).map(([name, value]) => {
    const meaning = Object.hasOwn(meanings, name.split("#")[0]) ? meanings[name.split("#")[0]] : "No claim of the specifications: ask its issuer.";
    const item = element("li", null, element("strong", null, code(name)), " ", code(shown(value)), element("span", meaning));
    if (TIMES.includes(name) && isTime(value)) {
      const from = now - value;
      item.append(element("span", `${moment(value)}, ${from >= 0 ? `${duration(from)} ago` : `in ${duration(-from)}`}`));
    }
    return item;
  });
  const list = element("ul", null, ...rows);
  list.className = "facts";
  return [element("h2", title), list];
}

/** Show a result: its title, its sentence, whether it is bad, and what follows. */
function show(title, words, bad, ...children) {
  verdict.className = bad ? "problem" : "notice";
  verdict.replaceChildren(element("h2", title), element("p", words));
  result.replaceChildren(...children);
}

function showEncrypted(header, now) {
  const toApi = String(header.typ).toLowerCase().endsWith("at+jwt");
  show(
    toApi ? "An encrypted access token" : "An encrypted token",
    toApi
      ? "Only the API that it is for can read it. An app passes it on as it is."
      : "Only the app that it is for can read it, with its private key or its secret. Decrypt it there, and paste what is inside.",
    false,
    ...tableOf("Header", header, HEADER, now),
  );
}

function summary(findings) {
  const wrong = findings.filter((found) => found.right === false).map((found) => found.about.toLowerCase());
  if (wrong.length) return `Refuse it. Wrong: ${wrong.join(", ")}.`;
  const open = findings.filter((found) => found.right === null).map((found) => found.about.toLowerCase());
  return open.length ? `Nothing wrong was found. Not decided here: ${open.join(", ")}.` : "Everything is right.";
}

function clockIsRight(ahead) {
  if (Math.abs(ahead) <= CLOCK_SKEW) return [];
  const words = `This computer’s clock is ${duration(Math.abs(ahead))} ${ahead > 0 ? "ahead of" : "behind"} the provider’s. The provider’s is used here.`;
  return [finding("Clock", false, words)];
}

let asked = 0;

async function inspect() {
  const mine = ++asked;
  const text = input.value.trim().replace(/^(?:authorization:\s*)?bearer\s+/i, "").replace(/^(["'])(.*)\1$/s, "$2").replace(/\s+/g, "");
  if (text === "") {
    verdict.className = "";
    verdict.replaceChildren();
    result.replaceChildren();
    return;
  }
  const why = unreadable(text);
  if (why) return show(why[0], why[1], why[0] === "This is not a token");
  const parts = text.split(".");
  const header = objectOf(parts[0]);
  if (parts.length === 5) return showEncrypted(header, Date.now() / 1000);
  const claims = objectOf(parts[1]);
  const kind = kindOf(header, claims);
  const { title, lead, needs } = KINDS[kind];
  const signature = await signatureIsRight({ text, header, claims, kind });
  const { ahead } = (await published?.catch(() => null)) ?? { ahead: 0 };
  if (mine !== asked) return; // something else was pasted meanwhile
  const now = Math.floor(Date.now() / 1000) - (Math.abs(ahead) > CLOCK_SKEW ? ahead : 0);
  const token = { text, header, claims, kind, needs, now };
  const findings = [
    signature,
    issuerIsRight(token),
    audienceIsRight(token),
    timeIsRight(token),
    ...nothingIsMissing(token),
    ...criticalIsUnderstood(token),
    ...bindings(token),
  ];
  show(
    title,
    summary(findings),
    findings.some((found) => found.right === false),
    element("p", lead),
    listOf([...findings, ...clockIsRight(ahead)]),
    ...tableOf("Header", header, HEADER, now),
    ...tableOf("Claims", claims, CLAIMS, now),
  );
}

input.addEventListener("input", inspect);
clientId.addEventListener("input", inspect);
document.getElementById("clear").addEventListener("click", () => {
  input.value = "";
  inspect();
  input.focus();
});
page.hidden = false;
document.getElementById("unread").remove();
