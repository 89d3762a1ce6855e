// "/" moves to the search box of the administration, unless something is being written or this
// browser's user has switched the shortcut off in the menu (WCAG 2.1.4).
const box = document.querySelector("#find input");
const sign = document.querySelector("#find kbd");
const choice = document.querySelector("#search-shortcut");

function show() {
  const isOn = localStorage.getItem("search-shortcut") !== "off";
  choice.setAttribute("aria-pressed", isOn);
  sign.hidden = !isOn;
  isOn ? box.setAttribute("aria-keyshortcuts", "/") : box.removeAttribute("aria-keyshortcuts");
  return isOn;
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !show()) return;
  if (event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  box.focus();
  box.select();
});
choice.addEventListener("click", () => {
  localStorage.setItem("search-shortcut", show() ? "off" : "on");
  show();
});
choice.hidden = false;
show();
