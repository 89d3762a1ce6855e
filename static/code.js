// Fields for codes: a code is sent at its last digit, a wrong one is selected, and the time that is
// left is shown. Without this script there is a button, and the page says until when a code works.
for (const field of document.querySelectorAll("input[data-digits]")) {
  let sent = "";
  field.addEventListener("input", () => {
    const typed = field.value.replace(/[\s-]/g, "");
    if (!/^\d+$/.test(typed) || typed.length !== Number(field.dataset.digits) || typed === sent) return;
    sent = typed;
    field.form.requestSubmit();
  });
  if (field.getAttribute("aria-invalid")) field.select();
}
for (const left of document.querySelectorAll("[data-left]")) {
  const end = performance.now() + 1000 * left.dataset.left;
  const show = () => {
    const seconds = Math.max(0, Math.round((end - performance.now()) / 1000));
    const minutes = Math.floor(seconds / 60);
    left.textContent = seconds ? left.dataset.words.replace("%", `${minutes}:${String(seconds % 60).padStart(2, "0")}`) : left.dataset.over;
    if (seconds) setTimeout(show, 1000);
  };
  show();
}
