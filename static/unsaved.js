// Keeps the button that saves in view while something is changed, and asks before that is lost.
const form = document.querySelector("form.app-form");
const bar = form?.querySelector(".save-bar");
let changed = false;
form?.addEventListener("input", () => {
  changed = true;
  bar.classList.add("changed");
  bar.querySelector(".unsaved").hidden = false;
});
form?.addEventListener("submit", ({ submitter }) => {
  if (!submitter?.formTarget) changed = false; // A preview is shown in a frame, and saves nothing.
});
bar?.querySelector(".unsaved a").addEventListener("click", () => { changed = false; });
addEventListener("beforeunload", (event) => {
  if (changed) event.preventDefault();
});
