// Lets the frames of apps load for a few seconds, then removes them and goes on to the app, if there
// is one to go on to; at once when all have been loaded.
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
  setTimeout(end, 4000);
})();
