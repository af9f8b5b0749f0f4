// The set-up page: tabs, and the lock. Everybody may read; changing the box needs the PIN.

import { openSession, remove, who } from "../api.js";
import { byId, el, fill, say } from "../dom.js";
import { icon } from "../icons.js";
import { t } from "../i18n.js";
import { askPin } from "../pin.js";
import { attempt, openPage } from "../shell.js";
import { camera } from "./camera.js";
import { configuration } from "./configuration.js";
import { health } from "./health.js";
import { logs } from "./logs.js";
import { spool } from "./spool.js";
import { update } from "./update.js";

// Each shows itself in a place and may return what to do when another tab is opened.
const TABS = { health, spool, camera, configuration, logs, update };
const LOCK_CHECK_MS = 20000;

let leave = null;

await openPage();
fill(byId("tabs"), ...Object.keys(TABS).map(tabButton));
byId("tabs").addEventListener("keydown", byArrow);
byId("lock").addEventListener("click", turnLock);
window.addEventListener("hashchange", show);
setInterval(async () => { if (unlocked()) { await openSession().catch(() => null); showLock(); } }, LOCK_CHECK_MS);
showLock();
show();

/** Whether this browser may change the box now. */
function unlocked() {
  return who().role === "admin";
}

/** Do something that needs the PIN: asked for when the lock is closed. Resolves to null when it was not done. */
async function guarded(action) {
  if (!unlocked() && !(await unlock())) return null;
  const done = await attempt(action);
  await openSession().catch(() => null);
  showLock();
  return done;
}

async function unlock() {
  if (!who().has_pin) {
    say(t("admin.nopin"), "bad");
    return false;
  }
  const session = await askPin();
  showLock();
  return session?.role === "admin";
}

async function turnLock() {
  if (!unlocked()) return void (await unlock());
  await attempt(() => remove("/api/session"));
  await openSession();
  showLock();
}

function showLock() {
  const open = unlocked();
  fill(byId("lock"), icon(open ? "unlock" : "lock"), el("span", {}, t(open ? "admin.unlocked" : "admin.locked")));
  document.body.dataset.role = who().role;
}

function tabButton(name) {
  return el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "tab", data: { tab: name }, onclick: () => { location.hash = name; } }, t(`admin.${name}`));
}

function show() {
  const name = location.hash.slice(1) in TABS ? location.hash.slice(1) : "health";
  for (const button of byId("tabs").children) {
    const chosen = button.dataset.tab === name;
    button.setAttribute("aria-selected", String(chosen));
    button.tabIndex = chosen ? 0 : -1;
    if (chosen) button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  leave?.();
  byId("tab").setAttribute("aria-labelledby", `tab-${name}`);
  byId("tab").replaceChildren();
  leave = TABS[name](byId("tab"), guarded) ?? null;
}

/** Arrow keys walk through the tabs (ARIA authoring practices). */
function byArrow(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const buttons = [...byId("tabs").children];
  const next = buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length];
  next.focus();
  location.hash = next.dataset.tab;
}
