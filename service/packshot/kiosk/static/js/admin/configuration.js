// The configuration: every key, its value, and where that comes from. It is changed in its files, not here.

import { get } from "../api.js";
import { el, fill } from "../dom.js";
import { t } from "../i18n.js";
import { attempt } from "../shell.js";

/** The tab. */
export function configuration(place) {
  const search = el("input", { id: "config-search", type: "search", placeholder: t("admin.config.search"), "aria-label": t("admin.config.search") });
  const only = el("input", { type: "checkbox", id: "config-changed" });
  const rows = el("tbody");
  const heads = ["key", "value", "origin"].map((key) => el("th", { scope: "col" }, t(`admin.col.${key}`)));
  place.append(
    el("div", { class: "filters" }, search, el("label", { class: "check" }, only, t("admin.config.changed"))),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("admin.configuration") }, el("table", { class: "stacked" }, el("thead", {}, el("tr", {}, ...heads)), rows)),
    el("p", { class: "muted small" }, t("admin.config.text")),
  );
  let settings = [];
  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    fill(rows, ...settings.filter((one) => one.key.includes(wanted) && (!only.checked || one.origin !== "default")).map(row));
  };
  search.addEventListener("input", show);
  only.addEventListener("change", show);
  attempt(() => get("/api/admin/config")).then((answer) => { settings = answer?.settings ?? []; show(); });
}

function row(setting) {
  return el(
    "tr", { data: { changed: String(setting.origin !== "default") } },
    el("td", { class: "mono" }, setting.key),
    el("td", { class: "mono" }, JSON.stringify(setting.value)),
    el("td", { class: "small muted" }, setting.origin === "default" ? t("admin.config.default") : setting.origin),
  );
}
