// Asks every few seconds whether a user has signed in to the app, for ten minutes while it is in view.
const line = document.querySelector("[data-ask]");
const end = Date.now() + 10 * 60 * 1000;
const look = async () => {
  if (Date.now() > end) return;
  if (!document.hidden) {
    const response = await fetch(line.dataset.ask).catch(() => null);
    if (response && !response.ok) return;
    if (response && (await response.json()).signed_in) {
      line.textContent = line.dataset.done;
      line.classList.add("done");
      return;
    }
  }
  setTimeout(look, 3000);
};
if (line) setTimeout(look, 3000);
