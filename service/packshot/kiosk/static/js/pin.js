// The PIN pad: for fingers and for keyboards.

import { openSession, post, Problem, setSession } from "./api.js";
import { byId, dialog, el } from "./dom.js";
import { t } from "./i18n.js";

/** Ask for the PIN until it is right or given up; resolves to the new session or null. */
export function askPin() {
  return new Promise((resolve) => {
    let entered = null;
    const field = el("input", { id: "pin", type: "password", inputmode: "none", autocomplete: "off", maxlength: 128, autofocus: true });
    const answer = el("p", { class: "small", role: "alert", id: "pin-answer" }, "\u00a0");
    const type = (digit) => () => { field.value += digit; };
    const keys = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => el("button", { type: "button", onclick: type(digit) }, String(digit)));
    const form = el(
      "form", { method: "dialog" },
      el("label", { for: "pin" }, t("pin.label")), field, answer,
      el("div", { class: "keys" }, ...keys,
        el("button", { type: "button", "aria-label": t("pin.erase"), onclick: () => { field.value = field.value.slice(0, -1); } }, "⌫"),
        el("button", { type: "button", onclick: type(0) }, "0"),
        el("button", { type: "submit", class: "primary", "aria-label": t("pin.enter"), icon: "check" })),
    );
    const box = dialog(t("pin.title"), t("close"), form);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        entered = await post("/api/session", { pin: field.value });
        setSession(entered);
        box.close();
      } catch (problem) {
        answer.textContent = explain(problem);
        field.value = "";
        field.focus();
      }
    });
    box.addEventListener("close", () => resolve(entered));
    byId("pin").focus();
  });
}

function explain(problem) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.code === "too-many-tries") return t("pin.wait", { minutes: Math.ceil(problem.retryAfter / 60) });
  return problem.code === "wrong-pin" ? t("pin.wrong") : t("problem.unreachable");
}

/** The session, with the PIN asked for until this browser may look at all. */
export async function admitted(session) {
  while (session.role === "nobody") session = (await askPin()) ?? (await openSession());
  return session;
}
