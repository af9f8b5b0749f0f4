// What the updater last said, in its own words; installing is the updater's business.

import { get } from "../api.js";
import { el } from "../dom.js";
import { t } from "../i18n.js";
import { attempt } from "../shell.js";

/** The tab. */
export function update(place) {
  const card = el("section", { class: "card" }, el("h2", {}, t("admin.update")));
  place.append(card);
  attempt(() => get("/api/admin/update")).then((answer) => {
    const state = answer?.state ?? {};
    if (!Object.keys(state).length) {
      card.append(el("p", { class: "muted" }, t("admin.update.none")));
      return;
    }
    const rows = [
      ["installed", state.committed?.version], ["former", state.previous?.version], ["latest", state.latest],
      ["phase", state.phase], ["target", state.target?.version], ["error", state.error], ["notes", state.notes],
    ];
    const shown = rows.filter(([, value]) => value).map(([key, value]) =>
      el("tr", {}, el("th", { scope: "row" }, t(`admin.update.${key}`)), el("td", {}, String(value))));
    const failed = (state.failed ?? []).map((one) => el("li", { icon: "alert" }, el("span", {}, `${one.version}: ${one.reason}`)));
    card.append(el("table", {}, el("tbody", {}, ...shown)), el("ul", { class: "problems" }, ...failed));
  });
}
