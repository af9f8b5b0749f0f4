// The ID photo page: mirror, guidance, countdown, automatic shutter, result.

import { get, post, Problem, remove } from "../api.js";
import { byId, fill, options, say } from "../dom.js";
import { t, tOr } from "../i18n.js";
import { on } from "../live.js";
import { Preview } from "../preview.js";
import { attempt, openPage } from "../shell.js";
import { showChecks } from "./checks.js";
import { Countdown } from "./countdown.js";
import { Guide } from "./guide.js";
import { Made } from "./made.js";

const SPEC = "packshot-spec";
const READY_MS = 900; // all green for so long before the countdown begins
const SEAT_AGAIN_MS = 3000;

let specs = [];
let news = null;
let seating = 0; // the timer that asks for the seat again: one at a time
let readySince = 0;
let busy = false;
let rearmed = true;

await openPage();
const preview = new Preview(byId("preview"), () => "/api/id/preview");
const guide = new Guide(byId("guide"));
const made = new Made(byId("made"), again);
const countdown = new Countdown(byId("count"), shoot);

preview.onframe = () => { byId("notice").hidden = true; };
byId("spec").addEventListener("change", () => { localStorage.setItem(SPEC, byId("spec").value); chooseSpec(); });
byId("automatic").addEventListener("change", () => countdown.stop());
byId("shutter").addEventListener("click", () => (countdown.running ? countdown.stop() : countdown.start()));
window.addEventListener("pagehide", leave);
on("found", sit);
on("lost", () => guidanceOff());
await loadSpecs();
await sit();

async function loadSpecs() {
  const list = await attempt(() => get("/api/id/specs"));
  specs = list?.specs ?? [];
  const kept = localStorage.getItem(SPEC);
  const chosen = specs.some((one) => one.name === kept) ? kept : specs[0]?.name ?? "";
  options(byId("spec"), specs.map((one) => [one.name, tOr(`spec.${one.name}`, one.title)]), chosen);
}

function spec() {
  return specs.find((one) => one.name === byId("spec").value);
}

/** Close the curtain: from now on no other screen sees this camera. */
async function sit() {
  clearTimeout(seating);
  if (byId("main").dataset.shows === "made") return;
  try {
    await post("/api/id/seat");
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    byId("notice").textContent = tOr(`problem.${problem.code}`, problem.message);
    byId("notice").hidden = false;
    sitSoon();
    return;
  }
  preview.start();
  chooseSpec();
}

function sitSoon() {
  clearTimeout(seating);
  seating = setTimeout(sit, SEAT_AGAIN_MS);
}

function leave() {
  clearTimeout(seating);
  guidanceOff();
  preview.stop();
  remove("/api/id/seat", { keepalive: true }).catch(() => null);
}

function chooseSpec() {
  const chosen = spec();
  if (!chosen) return;
  byId("accepted").textContent = `${t("id.accepted")}: ${tOr(`accepted.${chosen.name}`, chosen.accepted)}`;
  guidanceOff();
  guide.spec = chosen;
  const source = new EventSource(`/api/id/guidance?spec=${encodeURIComponent(chosen.name)}`);
  source.addEventListener("guidance", (event) => guided(JSON.parse(event.data)));
  // It comes back by itself after a lost link, but not once the box refuses it: the seat was given up or taken.
  source.addEventListener("error", () => { if (source === news && source.readyState === EventSource.CLOSED) sitSoon(); });
  news = source;
}

function guidanceOff() {
  news?.close();
  news = null;
  countdown.stop();
}

/** One look of the box at the live picture. */
function guided(look) {
  const now = performance.now();
  guide.show(look);
  showChecks(byId("checks"), look.findings);
  byId("mirror").dataset.ready = String(look.ready);
  if (!countdown.running) fill(byId("advice"), tOr(`id.say.${look.message}`, look.text).replace("{count}", look.faces.length));
  if (!look.ready) {
    readySince = 0;
    rearmed = true;
    if (countdown.automatic) countdown.stop();
  } else if (!readySince) readySince = now;
  const steady = readySince && now - readySince > READY_MS;
  if (steady && rearmed && byId("automatic").checked && !busy && !countdown.running) {
    rearmed = false;
    countdown.start(true);
  }
}

async function shoot() {
  if (busy) return;
  busy = true;
  byId("shutter").setAttribute("aria-busy", "true");
  flash();
  try {
    const photo = await post("/api/id/photos", { spec: byId("spec").value });
    guidanceOff();
    preview.stop();
    byId("main").dataset.shows = "made";
    made.show(photo, spec());
    remove("/api/id/seat").catch(() => null);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    say(refusal(problem), "bad");
  } finally {
    busy = false;
    byId("shutter").setAttribute("aria-busy", "false");
  }
}

/** Why there is no photo, and what to do: the box's own message, in the user's language. */
function refusal(problem) {
  if (!problem.code.startsWith("id.")) return tOr(`problem.${problem.code}`, problem.message);
  const words = tOr(`id.say.${problem.code.slice(3)}`, problem.message);
  return words.replace(/\{(\w+)\}/g, (_, name) => tOr(`side.${problem.values[name]}`, problem.values[name] ?? ""));
}

/** Back to the mirror. */
function again() {
  byId("main").dataset.shows = "live";
  rearmed = false;
  readySince = 0;
  sit();
}

function flash() {
  const light = byId("flash");
  light.classList.remove("now");
  requestAnimationFrame(() => light.classList.add("now"));
}
