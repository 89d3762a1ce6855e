// Has the server check addresses while they are typed, by the very rules that saving has. Without
// JavaScript, saving says the same.
const form = document.querySelector("form[data-checked]");
let waiting, asking;

async function check(field) {
  asking?.abort();
  asking = new AbortController();
  const said = document.getElementById(`${field.id}_checked`);
  try {
    const answer = await fetch(location.href, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new FormData(form),
      signal: asking.signal,
    });
    const problems = (await answer.json())[field.name] ?? [];
    document.getElementById(`${field.id}_error`)?.remove();
    const empty = !field.value.trim();
    said.className = problems.length && !empty ? "checked wrong" : "checked";
    said.textContent = empty ? "" : problems.join("\n") || said.dataset.good;
  } catch {
    // Signed out, offline, or typed on meanwhile: saving will say.
  }
}

for (const field of form.querySelectorAll("textarea")) {
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(check, 400, field);
  });
  if (field.value !== field.defaultValue) check(field); // Typed before this script ran.
}
