// Shows the button that stops a list while it is loading.
"use strict";

const stop = document.getElementById("stop");
stop.hidden = false;
stop.addEventListener("click", () => {
  window.stop();
  // A page that was stopped never reports that it is loaded.
  stop.hidden = true;
  document.getElementById("main").focus();
});
document.addEventListener("DOMContentLoaded", () => { stop.hidden = true; });
