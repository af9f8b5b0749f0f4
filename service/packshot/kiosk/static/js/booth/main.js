// The product booth: what the shutter, the fields and the news from the box do to the page.

import { get, post } from "../api.js";
import { byId, options, press } from "../dom.js";
import { t } from "../i18n.js";
import { on } from "../live.js";
import { Preview } from "../preview.js";
import { attempt, openPage } from "../shell.js";
import { tendPlate, showPlate } from "./plate.js";
import { Recent } from "./recent.js";
import { Result } from "./result.js";
import { Skus } from "./sku.js";
import { showIdle, showVerdict } from "./verdict.js";

const MODE = "packshot-preview-mode";
const ANGLE_MAX = 999;

let angle = 0;
let busy = false;
let shown = null;
const mine = new Set();

await openPage();
const result = new Result();
const skus = new Skus(newProduct);
const recent = new Recent(open);
const preview = new Preview(byId("preview"), () => `/api/preview?mode=${mode()}`);

preview.onframe = () => { byId("notice").hidden = true; };
byId("shutter").addEventListener("click", () => shoot());
byId("live").addEventListener("click", backToLive);
byId("angle-down").addEventListener("click", () => setAngle(angle - 1));
byId("angle-up").addEventListener("click", () => setAngle(angle + 1));
byId("modes").addEventListener("click", (event) => setMode(event.target.dataset.mode));
document.addEventListener("keydown", byKey);
// A scanner must not find a list open to its keys.
for (const id of ["preset", "profile"]) byId(id).addEventListener("change", () => byId(id).blur());
tendPlate(byId("plate"));
on("capture", heard);
on("curtain", ({ closed }) => curtain(closed));
on("state", (state) => { curtain(state.curtain); showPlate(state.plate); });
on("resync", refresh);
on("found", refresh);
setMode(mode());
setAngle(0);
showIdle(byId("verdict"));
await refresh();

/** Everything that may have changed while nobody told us. */
async function refresh() {
  const [booth, list] = await Promise.all([attempt(() => get("/api/booth")), attempt(() => get("/api/captures"))]);
  if (booth) showChoices(booth);
  if (!list) return;
  recent.set(list.captures);
  const known = shown && list.captures.find((capture) => capture.id === shown.id);
  if (known) show(known);
}

function showChoices(booth) {
  const preset = byId("preset").value || booth.preset;
  const profile = byId("profile").value || booth.profile;
  options(byId("preset"), booth.presets.map((one) => [one.name, presetText(one)]), preset);
  options(byId("profile"), booth.profiles.map((name) => [name, t(`profile.${name}`)]), profile);
  skus.catalogue = booth.catalogue;
  showPlate(booth.plate);
}

/** "amazon-main" -> "Amazon main". */
function presetText({ name }) {
  const words = name.replaceAll("-", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** One press of the shutter; with `former` a retake, which replaces it. */
async function shoot(former = null) {
  if (busy) return;
  setBusy(true);
  const pressed = performance.now();
  flash();
  const order = {
    request_id: requestId(),
    sku: former ? former.sku : skus.value,
    angle: former ? former.angle : angle,
    preset: byId("preset").value,
    profile: byId("profile").value,
    replaces: former?.id ?? "",
  };
  mine.add(order.request_id);
  const capture = await attempt(() => post("/api/captures", order));
  setBusy(false);
  if (!capture) return;
  result.pressed(capture.id, pressed);
  recent.put(capture);
  show(capture);
  skus.remember(capture.sku);
  if (!former && capture.sku) setAngle(capture.angle + 1);
}

/** The box tells of a capture: ours, or one by button, scanner or till. */
function heard(capture) {
  const isNew = !recent.has(capture.id);
  recent.put(capture);
  if (shown?.id === capture.id) show(capture);
  else if (isNew && !busy && capture.stage === "accepted") show(capture);
}

function show(capture) {
  if (shown && shown.id === capture.id && order(capture) < order(shown)) return;
  shown = capture;
  recent.mark(capture.id);
  result.show(capture);
  showVerdict(byId("verdict"), capture, { retake: () => shoot(capture), release: () => decide("release"), refuse: () => decide("refuse") });
  byId("live").tabIndex = 0;
}

// News and answers may overtake each other; a step back is an old story, except for a retry.
function order(capture) {
  return capture.stage === "accepted" && !capture.reason ? 0 : 1;
}

function open(capture) {
  shown = null;
  show(capture);
}

async function decide(verb) {
  const decided = await attempt(() => post(`/api/captures/${shown.id}/${verb}`));
  if (!decided) return;
  recent.put(decided);
  show(decided);
}

function backToLive() {
  if (!shown) return;
  shown = null;
  recent.mark("");
  result.hide();
  showIdle(byId("verdict"));
  byId("live").tabIndex = -1;
  byId("shutter").focus();
}

/** Another SKU: the next product is put down, so show the table. */
function newProduct() {
  setAngle(0);
  backToLive();
}

function setAngle(wanted) {
  angle = Math.min(Math.max(wanted, 0), ANGLE_MAX);
  byId("angle").textContent = angle === 0 ? t("booth.angle.main") : String(angle + 1);
  byId("angle-down").disabled = angle === 0;
}

function mode() {
  return localStorage.getItem(MODE) ?? "outline";
}

function setMode(name) {
  if (!name) return;
  localStorage.setItem(MODE, name);
  press(byId("modes"), "mode", name);
  preview.start();
}

function setBusy(now) {
  busy = now;
  byId("shutter").setAttribute("aria-busy", String(now));
  byId("shutter-text").textContent = t(now ? "booth.shutter.busy" : "booth.shutter");
}

/** While a person sits before the same camera its picture is theirs alone. */
function curtain(closed) {
  byId("shutter").disabled = closed;
  if (!closed) return;
  byId("notice").textContent = t("preview.curtain");
  byId("notice").hidden = false;
  byId("preview").getContext("2d").clearRect(0, 0, byId("preview").width, byId("preview").height);
}

function flash() {
  const light = byId("flash");
  light.classList.remove("now");
  requestAnimationFrame(() => light.classList.add("now"));
}

function byKey(event) {
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey) return;
  const free = document.activeElement === document.body;
  if (event.key === "Escape") backToLive();
  else if (free && (event.key === " " || event.key === "Enter")) { event.preventDefault(); shoot(); }
}

/** Unique without crypto.randomUUID, which browsers keep from plain http. */
function requestId() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return `kiosk-${[...words].map((word) => word.toString(16).padStart(8, "0")).join("")}`;
}
