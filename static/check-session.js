// Answers a client's page: has the session changed since it got this session_state?
// OIDC Session Management 1.0, 3.2. Written for old engines too, so without promises.
(function () {
  "use strict";

  // The first 32 bits of the fractions of roots of the first primes: cube roots for the rounds,
  // square roots for the beginning (FIPS 180-4, 4.2.2 and 5.3.3).
  var K = [], H = [];
  (function () {
    function fraction(x) { return ((x - Math.floor(x)) * 4294967296) | 0; }
    for (var n = 2; K.length < 64; n += 1) {
      var prime = true;
      for (var d = 2; d * d <= n; d += 1) { if (n % d === 0) { prime = false; } }
      if (prime) {
        if (H.length < 8) { H.push(fraction(Math.pow(n, 1 / 2))); }
        K.push(fraction(Math.pow(n, 1 / 3)));
      }
    }
  })();

  function turned(x, by) { return (x >>> by) | (x << (32 - by)); }

  function sha256(text) {
    var octets = unescape(encodeURIComponent(text)), words = [], hash = H.slice(0), i, t;
    for (i = 0; i < octets.length; i += 1) {
      words[i >> 2] |= octets.charCodeAt(i) << (24 - (i % 4) * 8);
    }
    words[octets.length >> 2] |= 0x80 << (24 - (octets.length % 4) * 8);
    words[(((octets.length + 8) >> 6) << 4) + 15] = octets.length * 8;
    for (i = 0; i < words.length; i += 16) {
      var w = [], v = hash.slice(0);
      for (t = 0; t < 64; t += 1) {
        if (t < 16) {
          w[t] = words[i + t] | 0;
        } else {
          var a = w[t - 15], b = w[t - 2];
          w[t] = (w[t - 16] + (turned(a, 7) ^ turned(a, 18) ^ (a >>> 3)) +
                  w[t - 7] + (turned(b, 17) ^ turned(b, 19) ^ (b >>> 10))) | 0;
        }
        var e = v[4], one = (v[7] + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) +
                             ((e & v[5]) ^ (~e & v[6])) + K[t] + w[t]) | 0;
        var two = ((turned(v[0], 2) ^ turned(v[0], 13) ^ turned(v[0], 22)) +
                   ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]))) | 0;
        v = [(one + two) | 0, v[0], v[1], v[2], (v[3] + one) | 0, v[4], v[5], v[6]];
      }
      for (t = 0; t < 8; t += 1) { hash[t] = (hash[t] + v[t]) | 0; }
    }
    var hex = "";
    for (i = 0; i < 8; i += 1) { hex += ("0000000" + (hash[i] >>> 0).toString(16)).slice(-8); }
    return hex;
  }

  function browserState() {
    var found = /(?:^|; )op_browser_state=([^;]*)/.exec(document.cookie);
    return found ? found[1] : null;
  }

  function answer(message, origin) {
    var parts = typeof message === "string" ? /^(\S+) ([0-9a-f]{64})\.([0-9a-f]+)$/.exec(message) : null;
    var state = browserState();
    // A browser that keeps our cookie from frames can say nothing, and no user is to be signed out
    // for that.
    if (!parts || state === null) { return "error"; }
    return sha256([parts[1], origin, state, parts[3]].join(" ")) === parts[2] ? "unchanged" : "changed";
  }

  window.addEventListener("message", function (event) {
    if (event.source && event.source !== window) {
      event.source.postMessage(answer(event.data, event.origin), event.origin);
    }
  }, false);
})();
