// The spool: what the box keeps, by stage, and what can be done about it.

import { get, post, remove } from "../api.js";
import { dialog, el, fill, options } from "../dom.js";
import { clock, t, tOr } from "../i18n.js";
import { on } from "../live.js";
import { attempt } from "../shell.js";
import { stageBadge } from "../stages.js";

const STAGES = ["", "held", "failed", "refused", "accepted", "cut", "offered", "claimed", "receipted", "empty", "cancelled"];
const ACTIONS = {
  held: ["release", "refuse", "purge"],
  failed: ["retry", "purge"],
  refused: ["retry", "purge"],
  cancelled: ["retry", "purge"],
  empty: ["retry", "purge"],
  receipted: ["purge"],
  accepted: ["cancel"], cut: ["cancel"], offered: ["cancel"], claimed: ["cancel"],
};

let refreshNow = () => {};
on("capture", () => refreshNow());
on("found", () => refreshNow());

/** The tab. */
export function spool(place, guarded) {
  const choose = el("select", { id: "stage", "aria-label": t("admin.stage") });
  options(choose, STAGES.map((stage) => [stage, stage ? t(`stage.${stage}`) : t("admin.stage.all")]), "");
  const rows = el("tbody");
  const count = el("span", { class: "muted", role: "status" });
  const heads = ["picture", "sku", "stage", "when", "why", "actions"].map((key) => el("th", { scope: "col" }, t(`admin.col.${key}`)));
  place.append(
    el("div", { class: "filters" }, choose, count),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("admin.spool") }, el("table", { class: "cards" }, el("thead", {}, el("tr", {}, ...heads)), rows)),
  );
  const refresh = async () => {
    const list = await attempt(() => get(`/api/captures?limit=200&stage=${choose.value}`));
    if (!list) return;
    count.textContent = t("admin.count", { count: list.captures.length });
    const none = el("tr", {}, el("td", { colspan: 6, class: "muted" }, t("admin.none")));
    fill(rows, ...(list.captures.length ? list.captures.map((capture) => row(capture, guarded, refresh)) : [none]));
  };
  choose.addEventListener("change", refresh);
  refreshNow = refresh;
  refresh();
  return () => { refreshNow = () => {}; };
}

function row(capture, guarded, refresh) {
  const made = capture.artefacts.some((artefact) => artefact.kind !== "original");
  const why = capture.reasons.map((reason) => tOr(`reason.${reason}`, reason)).join(" ") || capture.reason;
  const buttons = (ACTIONS[capture.stage] ?? []).map((verb) =>
    el("button", { type: "button", class: verb === "purge" ? "bad" : "", data: { verb, capture: capture.id }, onclick: () => act(verb, capture, guarded, refresh) }, t(`admin.verb.${verb}`)));
  return el(
    "tr", { data: { capture: capture.id } },
    el("td", {}, el("img", { class: "checker", alt: "", loading: "lazy", src: `/api/captures/${capture.id}/${made ? "picture" : "photo"}?size=thumb` })),
    el("td", {}, capture.sku || t("booth.nosku"), el("div", { class: "muted small" }, t("booth.angle.number", { number: capture.angle + 1 }))),
    el("td", {}, stageBadge(capture)),
    el("td", { class: "number" }, clock(capture.created_at)),
    el("td", { class: "small" }, why),
    el("td", {}, el("div", { class: "actions" }, ...buttons)),
  );
}

async function act(verb, capture, guarded, refresh) {
  if (verb === "purge" && !(await sure(capture))) return;
  const path = `/api/captures/${capture.id}`;
  await guarded(() => (verb === "purge" ? remove(path) : post(`${path}/${verb}`)));
  await refresh();
}

/** Deleting is for good, so it is asked once more. */
function sure(capture) {
  return new Promise((resolve) => {
    let yes = false;
    const confirm = el("button", { type: "button", class: "bad", id: "purge-yes", onclick: () => { yes = true; box.close(); } }, t("admin.verb.purge"));
    const box = dialog(t("admin.purge.title"), t("close"), el("p", {}, t("admin.purge.text", { sku: capture.sku || t("booth.nosku") })), el("div", { class: "actions" }, confirm));
    box.addEventListener("close", () => resolve(yes));
  });
}
