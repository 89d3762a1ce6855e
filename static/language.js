// Switches the language as soon as one is chosen; without this, the button beside it does.
(function () {
  "use strict";
  document.querySelectorAll("form[data-submit-on-change]").forEach(function (form) {
    form.querySelector("button").hidden = true;
    form.addEventListener("change", function () { form.submit(); });
  });
})();
