// Buttons that copy and print the recovery codes. Without JavaScript they are not shown, and the
// codes can be downloaded, or selected and written down.
for (const button of document.querySelectorAll("[data-copy-from]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copyFrom).innerText);
    button.textContent = button.dataset.copied;
  });
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
