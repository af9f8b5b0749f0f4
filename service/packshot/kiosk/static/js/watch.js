// Loads the page again if the box went away while it loaded. A plain script, the first of all: it must not depend on
// the modules that it watches over. Once the page has started, live.js looks after lost links.

(() => {
  const TRIES = "packshot-tries";
  const tries = Number(sessionStorage.getItem(TRIES) ?? 0);
  const patience = 2 ** Math.min(tries, 5); // a slow box gets longer each time, a broken page flickers less and less
  const startMs = 20000 * patience;
  const againMs = 2000 * patience;
  const started = () => document.documentElement.dataset.started;
  let trying = false;

  /** Only a box that answers is asked for the page again: else the browser would show its own error page. */
  async function again() {
    if (started()) return;
    try {
      const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(againMs) });
      if (answer.ok && !started()) {
        sessionStorage.setItem(TRIES, tries + 1);
        location.reload();
        return;
      }
    } catch { /* not yet */ }
    setTimeout(again, againMs);
  }

  function restart() {
    if (trying || started()) return;
    trying = true;
    setTimeout(again, againMs);
  }

  // What fails to load is told to its element alone, so listen on the way down; what fails to run is told to the window.
  addEventListener("error", (event) => { if ([undefined, "SCRIPT", "LINK"].includes(event.target.tagName)) restart(); }, true);
  addEventListener("unhandledrejection", restart);
  setTimeout(() => (started() ? sessionStorage.removeItem(TRIES) : restart()), startMs);
})();
