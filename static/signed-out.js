// Goes on to the app when all frames have been loaded, or have had their time.
(function () {
  var way = document.getElementById("continue");
  var frames = document.getElementsByTagName("iframe");
  var open = frames.length;
  var gone = false;
  function go() {
    if (!gone) { gone = true; location.replace(way.href); }
  }
  function loaded() { open -= 1; if (open <= 0) { go(); } }
  for (var i = 0; i < frames.length; i += 1) {
    frames[i].addEventListener("load", loaded);
    frames[i].addEventListener("error", loaded);
  }
  setTimeout(go, 4000);
})();
