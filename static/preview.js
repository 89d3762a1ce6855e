// Keeps the preview of an appearance in step with the form. Without it, a button does.
const button = document.getElementById("preview");
let waiting;
button?.form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => button.form.requestSubmit(button), 500);
});
