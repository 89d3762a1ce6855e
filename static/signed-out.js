// Lets the frames of apps load for a few seconds, then removes them and goes on to the app, if there
// is one to go on to; at once when all have been loaded. Without frames, shows which apps have
// answered in the meantime.
(function () {
  var way = document.getElementById("continue");
  var frames = Array.from(document.getElementsByTagName("iframe"));
  var open = frames.length;
  var over = false;
  function end() {
    if (over) { return; }
    over = true;
    if (way) { location.replace(way.href); } else { frames.forEach(function (frame) { frame.remove(); }); }
  }
  function loaded() { open -= 1; if (way && open <= 0) { end(); } }
  frames.forEach(function (frame) {
    frame.addEventListener("load", loaded);
    frame.addEventListener("error", loaded);
  });
  if (way || open) { setTimeout(end, 4000); }

  function look(left) {
    var notified = document.getElementById("notified");
    if (!left || !notified || !("pending" in notified.dataset)) { return; }
    setTimeout(function () {
      fetch(location.href).then(function (response) { return response.text(); }).then(function (text) {
        var later = new DOMParser().parseFromString(text, "text/html").getElementById("notified");
        if (later && later.innerHTML !== notified.innerHTML) { notified.replaceChildren.apply(notified, later.childNodes); }
        if (later && !("pending" in later.dataset)) { delete notified.dataset.pending; }
        look(left - 1);
      }, function () { look(left - 1); });
    }, 1500);
  }
  look(8);
})();
