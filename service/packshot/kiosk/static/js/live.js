// News from the box (server-sent events), through restarts and lost networks: reconnects by itself, and says so.

import { openSession } from "./api.js";
import { admitted } from "./pin.js";

const SILENCE_MS = 25000;
const listeners = new Map();
let source = null;
let lastHeard = 0;
let wait = 500;

/** Call `hear(data)` for every event of this name. "lost" and "found" tell of the link to the box itself. */
export function on(name, hear) {
  listeners.set(name, [...(listeners.get(name) ?? []), hear]);
}

/** Begin to listen. */
export function listen() {
  connect();
  setInterval(() => { if (source && Date.now() - lastHeard > SILENCE_MS) lose(); }, 3000);
}

function tell(name, data) {
  for (const hear of listeners.get(name) ?? []) hear(data);
}

function connect() {
  lastHeard = Date.now();
  source = new EventSource("/api/events");
  source.addEventListener("hello", (event) => {
    wait = 500;
    tell("found", JSON.parse(event.data));
  });
  for (const name of ["state", "capture", "curtain", "resync", "alive"]) {
    source.addEventListener(name, (event) => {
      lastHeard = Date.now();
      tell(name, JSON.parse(event.data));
    });
  }
  // EventSource gives up on answers it does not like, for example while the session is unknown; we do not.
  source.addEventListener("error", lose);
}

function lose() {
  source?.close();
  source = null;
  tell("lost", null);
  setTimeout(async () => {
    // A box that was started anew knows no browser: one on another machine has to enter the PIN again.
    try { await admitted(await openSession()); } catch { /* nobody answers yet: the next try follows */ }
    connect();
  }, wait);
  wait = Math.min(wait * 1.6, 4000);
}
