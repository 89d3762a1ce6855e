// Puts a button beside texts to copy, in the caption where there is one; without JavaScript users
// select the text.
for (const text of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button copy";
  button.textContent = text.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = text.dataset.copied;
  });
  const caption = text.previousElementSibling;
  if (caption?.tagName === "FIGCAPTION") caption.append(button);
  else text.after(" ", button);
}
