// The rules one by one: green, amber, red, each with an icon and a word, so that colour never speaks alone.

import { el, fill } from "../dom.js";
import { figure, t, tOr } from "../i18n.js";

export const STATE_ICONS = { ok: "check", unsure: "alert", not_ok: "close" };

/** The live rules as tiles. */
export function showChecks(place, findings) {
  fill(place, ...findings.map((finding) => el(
    "li", { data: { rule: finding.rule, state: finding.state }, icon: STATE_ICONS[finding.state] },
    el("span", {}, tOr(`rule.${finding.rule}`, finding.rule), el("span", { class: "unseen" }, ` – ${t(`state.${finding.state}`)}`)))));
}

/** A finding's figure with its unit, as people read it. */
export function figureText(value, unit) {
  if (value === null) return "–";
  if (unit === "share" || unit === "%") return `${figure(unit === "share" ? value * 100 : value, 1)} %`;
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 1;
  const words = { deg: "°", degrees: "°", px: " px", mm: " mm", bytes: " B", faces: "" };
  return `${figure(value, digits)}${words[unit] ?? (unit ? ` ${unit}` : "")}`;
}

/** "1", "± 5°", "31.5 – 36 mm": the unit once. */
function between(low, high, unit) {
  if (low === high) return figureText(low, unit);
  if (low === -high) return `± ${figureText(high, unit)}`;
  return `${figureText(low, unit).replace(/[^\d]+$/, "")} – ${figureText(high, unit)}`;
}

/** What is wanted: "70 to 80 %", "at least 90 px". */
export function wantedText({ low, high, unit }) {
  if (low !== null && high !== null) return between(low, high, unit);
  if (low !== null) return t("id.least", { figure: figureText(low, unit) });
  if (high !== null) return t("id.most", { figure: figureText(high, unit) });
  return "";
}
