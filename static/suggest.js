// Suggest values for a field while it is typed in. Without JavaScript, the whole value is typed.
for (const field of document.querySelectorAll("input[data-suggest]")) {
  const list = document.getElementById(field.getAttribute("list"));
  let waiting, asking;

  async function suggest() {
    asking?.abort();
    asking = new AbortController();
    try {
      const query = new URLSearchParams({ q: field.value });
      const answer = await fetch(`${field.dataset.suggest}?${query}`, { signal: asking.signal });
      list.replaceChildren(...(await answer.json()).map((value) => new Option(value, value)));
    } catch {
      // Signed out, offline, or typed on meanwhile.
    }
  }

  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(suggest, 200);
  });
}
