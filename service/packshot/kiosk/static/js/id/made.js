// The finished photo: every rule with its figure and how sure the box is, where it is accepted, and its files.

import { remove } from "../api.js";
import { badge, byId, el, say } from "../dom.js";
import { icon } from "../icons.js";
import { bytes, figure, t, tOr } from "../i18n.js";
import { attempt } from "../shell.js";
import { figureText, STATE_ICONS, wantedText } from "./checks.js";

const TONES = { ok: "good", unsure: "warn", not_ok: "bad" };

/** Shows one photo in `place`; `again()` is called when the next one is wanted or this one is gone. */
export class Made {
  constructor(place, again) {
    this.place = place;
    this.again = again;
    this.timer = 0;
  }

  /** Show a photo. */
  show(photo, spec) {
    const address = (name) => `/api/id/photos/${photo.id}/files/${name}`;
    this.photo = photo;
    this.place.replaceChildren(this.#picture(photo, address), this.#facts(photo, spec, address));
    this.place.hidden = false;
    this.place.dataset.photo = photo.id;
    this.place.focus();
    byId("print").src = address("sheet-300.jpg");
    byId("print").hidden = false;
    this.#countDown(photo.seconds_left);
  }

  #picture(photo, address) {
    return el(
      "div", { class: "photo" },
      el("div", { class: "paper" }, el("img", { id: "made-photo", src: address("photo.jpg"), alt: t("id.photo") })),
      el("p", { class: "small muted", id: "untouched" }, t(photo.record.pixels_changed ? "id.replaced" : "id.untouched")),
      el("p", { class: "small muted", id: "unjudged" }, t("id.unjudged")),
    );
  }

  #facts(photo, spec, address) {
    const file = photo.files.find((one) => one.name === "photo.jpg");
    const download = (name, text) =>
      el("a", { class: "button", href: address(name), download: `${photo.spec}-${name}`, icon: "download" }, text);
    return el(
      "div", { class: "facts" },
      el("div", { class: "title" },
        badge(t(`id.keeps.${photo.keeps}`), TONES[photo.keeps], STATE_ICONS[photo.keeps]),
        el("h2", {}, tOr(`spec.${photo.spec}`, photo.title)),
        el("span", { class: "small muted", id: "left" })),
      el("p", { class: "small" }, `${t("id.accepted")}: ${tOr(`accepted.${spec.name}`, photo.accepted)}`),
      photo.note ? el("p", { class: "small muted" }, tOr(`note.${photo.spec}`, photo.note)) : null,
      el("div", { class: "rules", tabindex: "0", role: "region", "aria-label": t("id.checks") }, rules(photo.findings)),
      el("div", { class: "actions" },
        el("button", { type: "button", class: "primary", id: "print-now", icon: "print", onclick: () => window.print() }, t("id.print")),
        download("sheet-300.pdf", t("id.sheet.pdf")), download("sheet-300.jpg", t("id.sheet.jpg")), download("sheet-600.jpg", t("id.sheet.fine")),
        download("photo.jpg", `${t("id.file")} (${bytes(file.bytes)})`), download("record.json", t("id.record"))),
      el("div", { class: "actions" },
        el("button", { type: "button", id: "again", icon: "retake", onclick: () => this.#leave(true) }, t("id.again")),
        el("button", { type: "button", class: "bad", id: "delete-now", icon: "trash", onclick: () => this.#leave(true, true) }, t("id.delete"))),
    );
  }

  /** How long the photo is still here; at the end the page lets go of it, too. */
  #countDown(seconds) {
    clearInterval(this.timer);
    const end = performance.now() + seconds * 1000;
    const tick = () => {
      const left = Math.max(0, end - performance.now());
      byId("left").textContent = t("id.left", { minutes: Math.floor(left / 60000), seconds: String(Math.floor(left / 1000) % 60).padStart(2, "0") });
      if (left === 0) this.#leave(false);
    };
    this.timer = setInterval(tick, 1000);
    tick();
  }

  /** Let go of the photo; with ``tell`` only once the box has deleted it. */
  async #leave(ask, tell = false) {
    const { photo } = this;
    const deleted = ask && (await attempt(() => deletePhoto(photo.id)));
    if (this.photo !== photo || (tell && !deleted)) return;
    this.photo = null;
    clearInterval(this.timer);
    this.place.hidden = true;
    this.place.replaceChildren();
    byId("print").hidden = true;
    byId("print").removeAttribute("src");
    if (tell) say(t("id.deleted"));
    this.again();
  }
}

/** True once the photo is not on the box any more. */
async function deletePhoto(id) {
  try {
    await remove(`/api/id/photos/${id}`);
  } catch (problem) {
    if (problem.code !== "gone") throw problem;
  }
  return true;
}

function rules(findings) {
  const head = ["rule", "figure", "wanted", "sure"].map((key) => el("th", { scope: "col" }, t(`id.col.${key}`)));
  return el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, el("span", { class: "unseen" }, t("id.col.state"))), ...head)), el("tbody", {}, ...findings.map(rule)));
}

function rule(finding) {
  const state = el("td", {}, icon(STATE_ICONS[finding.state]), el("span", { class: "unseen" }, t(`state.${finding.state}`)));
  const what = el("th", { scope: "row" }, tOr(`rule.${finding.rule}`, finding.rule));
  if (finding.state !== "ok") what.append(el("div", { class: "small muted" }, tOr(`id.say.${finding.message}`, finding.text)));
  return el(
    "tr", { data: { rule: finding.rule, state: finding.state, figure: finding.figure ?? "" } },
    state, what,
    el("td", { class: "number" }, figureText(finding.figure, finding.unit)),
    el("td", { class: "number muted" }, wantedText(finding)),
    el("td", { class: "number" }, `${figure(finding.confidence * 100)} %`),
  );
}
