// What the box thinks of a capture, in plain words, and what can be done about it.

import { el, fill } from "../dom.js";
import { t, tOr } from "../i18n.js";
import { stageBadge } from "../stages.js";

/** Nothing shown: what to do next. */
export function showIdle(place) {
  fill(place, el("h2", {}, t("booth.idle.title")), el("p", { class: "muted" }, t("booth.idle.text")));
}

/** One capture: badge, SKU, reasons, buttons. */
export function showVerdict(place, capture, act) {
  const name = capture.sku || t("booth.nosku");
  const view = capture.angle === 0 ? t("booth.angle.main") : t("booth.angle.number", { number: capture.angle + 1 });
  const facts = [view, capture.revision > 1 ? t("booth.revision", { number: capture.revision }) : ""].filter(Boolean).join(" · ");
  const held = capture.stage === "held";
  const ended = capture.stage !== "accepted";
  // The id makes buttons of different captures different to `fill`, so that none acts on another's behalf.
  const button = (key, image, action, kind = "") =>
    el("button", { type: "button", class: kind, icon: image, data: { action: key, capture: capture.id }, onclick: action }, t(`action.${key}`));
  fill(
    place,
    el("div", { class: "title" }, stageBadge(capture), el("span", { class: "name" }, name), el("span", { class: "muted small" }, facts)),
    el("ul", {}, ...words(capture).map((text) => el("li", {}, text))),
    el("div", { class: "actions" },
      held ? button("release", "check", act.release, "primary") : null,
      held ? button("refuse", "close", act.refuse) : null,
      ended ? button("retake", "retake", act.retake) : null),
  );
}

/** The reasons, each with what to do; for a good cutout one line that says so. */
function words(capture) {
  const reasons = capture.reasons.map((reason) => tOr(`reason.${reason}`, reason));
  if (reasons.length) return reasons;
  if (capture.stage === "failed" || capture.stage === "refused") return [capture.storefront.refused || capture.reason].filter(Boolean);
  if (capture.stage === "accepted") return [t("verdict.working")];
  return capture.decision === "publish" ? [t("verdict.good")] : [];
}
