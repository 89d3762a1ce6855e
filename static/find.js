// "/" moves to the search box of the administration, unless something is being written.
const box = document.querySelector("#find input");
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  box.focus();
  box.select();
});
