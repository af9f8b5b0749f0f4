// How the box is: one tile per part, what is wrong in words, selftest, reload, restart.

import { get, post } from "../api.js";
import { badge, el, fill } from "../dom.js";
import { bytes, figure, t } from "../i18n.js";
import { on } from "../live.js";
import { attempt, boxState } from "../shell.js";

let showNow = () => {};
on("state", (state) => showNow(state));

/** The first tab. */
export function health(place, guarded) {
  const tiles = el("div", { class: "tiles", id: "tiles" });
  const problems = el("section", { class: "card problems" });
  const tested = el("ul", { class: "problems", id: "selftest-result" });
  const button = (verb, act, kind = "") => el("button", { type: "button", class: kind, id: `do-${verb}`, onclick: act }, t(`admin.do.${verb}`));
  const actions = el(
    "section", { class: "card" }, el("h2", {}, t("admin.actions")), el("p", { class: "muted" }, t("admin.actions.text")),
    el("div", { class: "actions" },
      button("selftest", () => selftest(guarded, tested), "primary"),
      button("reload", () => guarded(() => post("/api/admin/reload"))),
      button("restart", () => guarded(() => post("/api/admin/restart")))),
    el("div", { role: "status" }, tested),
  );
  place.append(tiles, problems, actions);
  let facts = {};
  showNow = (state) => {
    fill(tiles, ...parts(state, facts));
    fill(problems, el("h2", {}, t("status.problems")), wrong(state.degraded));
  };
  if (boxState()) showNow(boxState());
  attempt(() => get("/api/admin/info")).then((answer) => {
    facts = answer?.info ?? {};
    if (boxState()) showNow(boxState());
  });
  return () => { showNow = () => {}; };
}

function parts(state, facts) {
  const { used_bytes: used, free_bytes: free } = state;
  const rows = [
    ["camera", state.camera === "ok" ? t("admin.ok") : t("admin.problem"), facts.capabilities?.camera ?? "", state.camera === "ok"],
    ["link", t(state.link.connected ? "admin.link.up" : "admin.link.down"), state.link.problem, state.link.connected],
    ["queue", figure(state.waiting), t("admin.queue.held", { held: state.stages.held ?? 0 }), true],
    ["engine", state.engine, facts.model ? `${facts.model.name} ${facts.model.version}` : "", true],
    ["disk", bytes(free), t("admin.disk.used", { used: bytes(used) }), free > 500e6],
    ["temperature", state.temperature_c === null ? "–" : `${figure(state.temperature_c)} °C`, facts.board ?? "", (state.temperature_c ?? 0) < 80],
    ["memory", state.memory_bytes === null ? "–" : bytes(state.memory_bytes), t("admin.memory.text"), true],
    ["version", facts.version ?? "", facts.python ? `Python ${facts.python}` : "", true],
  ];
  return rows.map(([key, value, note, good]) => el(
    "div", { class: "card tile", data: { part: key } },
    el("span", { class: "muted small" }, t(`admin.part.${key}`)),
    el("strong", {}, value),
    note ? el("span", { class: "muted small" }, note) : null,
    good ? null : badge(t("admin.look"), "warn", "alert"),
  ));
}

function wrong(lines) {
  if (!lines.length) return el("p", { class: "muted" }, t("admin.nothing.wrong"));
  return el("ul", {}, ...lines.map((line) => el("li", { icon: "alert" }, el("span", {}, line))));
}

async function selftest(guarded, place) {
  fill(place, el("li", {}, t("admin.testing")));
  const answer = await guarded(() => post("/api/admin/selftest"));
  const rows = answer?.result.parts ?? [];
  fill(place, ...rows.map((part) => el("li", { icon: part.ok ? "check" : "alert" }, el("b", {}, part.part), el("span", {}, part.text))));
}
