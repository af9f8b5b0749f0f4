// The plate: a photo of the empty table, step by step. With it cutouts are made from the difference to it.

import { post } from "../api.js";
import { byId, dialog, el, say } from "../dom.js";
import { t } from "../i18n.js";
import { attempt } from "../shell.js";

/** Open the guide when the button is pressed. */
export function tendPlate(button) {
  button.addEventListener("click", guide);
}

/** Say on the button whether there is a plate. */
export function showPlate(there) {
  byId("plate-text").textContent = t(there ? "plate.there" : "plate.take");
  byId("plate").dataset.there = String(there);
}

function guide() {
  const there = byId("plate").dataset.there === "true";
  const picture = el("img", { class: "plate-picture", alt: t("plate.picture"), src: there ? `/api/plate?at=${Date.now()}` : null, hidden: !there });
  const take = el("button", { type: "button", class: "primary", id: "plate-now", icon: "camera" }, t("plate.now"));
  const forget = el("button", { type: "button", class: "bad", id: "plate-forget", icon: "trash", hidden: !there }, t("plate.forget"));
  const box = dialog(
    t("plate.title"), t("close"),
    el("p", { class: "muted" }, t("plate.why")),
    el("ol", { class: "steps" }, ...[1, 2, 3].map((step) => el("li", {}, t(`plate.step.${step}`)))),
    picture,
    el("div", { class: "actions" }, forget, take),
  );
  take.addEventListener("click", async () => {
    take.disabled = true;
    const taken = await attempt(async () => { await post("/api/plate"); return true; });
    take.disabled = false;
    if (!taken) return;
    picture.src = `/api/plate?at=${Date.now()}`;
    picture.hidden = forget.hidden = false;
    showPlate(true);
    say(t("plate.taken"));
  });
  forget.addEventListener("click", async () => {
    const forgotten = await attempt(async () => { await post("/api/plate", { forget: true }); return true; });
    if (!forgotten) return;
    showPlate(false);
    box.close();
  });
}
