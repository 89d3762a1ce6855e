// A button beside each password that shows what was typed, and a word when Caps Lock is on.
// The pages work without it; where it runs, the button appears.
(function () {
  "use strict";
  document.querySelectorAll(".password").forEach(function (box) {
    var input = box.querySelector("input");
    var hint = document.getElementById(input.id + "-caps");
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = box.dataset.show;
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-controls", input.id);
    button.setAttribute("aria-label", box.dataset.showLabel);
    button.addEventListener("click", function () {
      var shown = input.type === "text";
      input.type = shown ? "password" : "text";
      button.textContent = shown ? box.dataset.show : box.dataset.hide;
      button.setAttribute("aria-pressed", shown ? "false" : "true");
      input.focus();
    });
    box.appendChild(button);
    ["keydown", "keyup"].forEach(function (name) {
      input.addEventListener(name, function (event) {
        if (hint && event.getModifierState) {
          hint.hidden = !event.getModifierState("CapsLock");
        }
      });
    });
    // Sent as a password field, so that browsers don't remember it as ordinary text.
    if (input.form) {
      input.form.addEventListener("submit", function () { input.type = "password"; });
    }
  });
})();
