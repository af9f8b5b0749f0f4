// What all pages have in common: words, header, status, language and theme, the note that the box does not answer.

import { openSession, Problem, who } from "./api.js";
import { byId, dialog, el, fill, placeIcons, say } from "./dom.js";
import { chooseLanguage, language, languages, loadWords, t, tOr } from "./i18n.js";
import { listen, on } from "./live.js";
import { admitted } from "./pin.js";

const THEME = "packshot-theme";
const PAGES = [["booth", "/", "camera"], ["id", "/id", "person"], ["admin", "/admin", "gear"]];
let state = null;

/** Open the page; resolves to the session once this browser is let in. */
export async function openPage() {
  showTheme();
  const session = await patient(openSession);
  await loadWords(session.language);
  placeIcons();
  header(session);
  document.title = `${t(`nav.${document.body.dataset.page}`)} – ${session.name}`;
  document.documentElement.dataset.started = "yes"; // watch.js may rest
  await admitted(session);
  on("state", showState);
  on("lost", showLost);
  on("found", showFound);
  listen();
  return who();
}

/** Do something the user asked for, and say in plain words what went wrong. */
export async function attempt(action) {
  try {
    return await action();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    say(explain(problem), "bad");
    return null;
  }
}

/** A problem in the user's language, with the box's own words where it has more to say. */
export function explain(problem) {
  const general = tOr(`problem.${problem.code}`, "");
  if (!general) return problem.message;
  return ["not-taken", "camera", "bad-request"].includes(problem.code) ? `${general} (${problem.message})` : general;
}

/** The newest state of the box. */
export const boxState = () => state;

function header(session) {
  const page = document.body.dataset.page;
  const links = PAGES.filter(([name]) => name !== "id" || session.id_photos).map(([name, href, image]) =>
    el("a", { href, "aria-current": name === page ? "page" : null, "aria-label": t(`nav.${name}`), icon: image }, el("span", {}, t(`nav.${name}`))));
  fill(
    byId("header"),
    el("span", { class: "brand" }, session.name),
    el("nav", { "aria-label": t("nav.label") }, ...links),
    el("div", { class: "tools" },
      el("button", { type: "button", class: "pill", id: "status", data: { tone: "" }, onclick: showDetails }, t("status.asking")),
      el("button", { type: "button", class: "plain square", "aria-label": t("settings.title"), icon: "language", onclick: showSettings })),
  );
}

function showState(fresh) {
  state = fresh;
  const [tone, key] = tell(fresh);
  const pill = byId("status");
  pill.dataset.tone = tone;
  pill.textContent = t(key, { waiting: fresh.waiting });
}

function tell(now) {
  if (now.camera !== "ok") return ["bad", "status.camera"];
  if (!now.link.connected) return ["warn", now.waiting ? "status.offline.waiting" : "status.offline"];
  if (now.degraded.length) return ["warn", "status.degraded"];
  return ["good", now.waiting ? "status.waiting" : "status.ready"];
}

function showDetails() {
  const lines = state?.degraded.length ? state.degraded : [];
  const held = state?.stages.held ?? 0;
  dialog(
    t("status.title"), t("close"),
    el("p", {}, t(state?.link.connected ? "status.link.up" : "status.link.down")),
    el("p", {}, t("status.queue", { waiting: state?.waiting ?? 0, held })),
    lines.length ? el("h3", {}, t("status.problems")) : null,
    el("ul", { class: "small" }, ...lines.map((line) => el("li", {}, line))),
  );
}

function showSettings() {
  const choose = el("select", { id: "language", onchange: (event) => chooseLanguage(event.target.value) });
  for (const one of languages) choose.append(el("option", { value: one.code, selected: one.code === language() }, one.name));
  const theme = el("select", { id: "theme", onchange: (event) => { localStorage.setItem(THEME, event.target.value); showTheme(); } });
  const chosen = localStorage.getItem(THEME) ?? "auto";
  for (const name of ["auto", "light", "dark"]) theme.append(el("option", { value: name, selected: name === chosen }, t(`theme.${name}`)));
  dialog(t("settings.title"), t("close"),
    el("p", {}, el("label", { for: "language" }, t("settings.language")), choose),
    el("p", {}, el("label", { for: "theme" }, t("settings.theme")), theme));
}

function showTheme() {
  const theme = localStorage.getItem(THEME) ?? "auto";
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

function showLost() {
  if (byId("lost")) return;
  document.body.append(el("div", { class: "lost", id: "lost", role: "alert" }, t("lost")));
  document.body.dataset.link = "lost";
  byId("status").dataset.tone = "bad";
  byId("status").textContent = t("status.lost");
}

function showFound() {
  byId("lost")?.remove();
  document.body.dataset.link = "up";
}

/** Again and again until the box answers: a kiosk's browser is often up before the box is. */
async function patient(action) {
  for (;;) {
    try { return await action(); } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}
