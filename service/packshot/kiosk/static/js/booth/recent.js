// The last captures: small picture, SKU, and where the picture is by now.

import { byId, el, fill } from "../dom.js";
import { t } from "../i18n.js";
import { stageText, stageTone } from "../stages.js";

const SHOWN = 24;

/** The strip below the stage, newest first; `open(capture)` is called for the one that is chosen. */
export class Recent {
  constructor(open) {
    this.captures = [];
    this.marked = "";
    this.open = open;
  }

  has(id) {
    return this.captures.some((capture) => capture.id === id);
  }

  /** Show these captures. */
  set(captures) {
    this.captures = captures.slice(0, SHOWN);
    this.#show();
  }

  /** Show one more, or one anew. Ids sort by time. */
  put(capture) {
    const others = this.captures.filter((one) => one.id !== capture.id);
    this.set([...others, capture].sort((a, b) => (a.id < b.id ? 1 : -1)));
  }

  /** Mark the one on the stage. */
  mark(id) {
    this.marked = id;
    this.#show();
  }

  #show() {
    if (!this.captures.length) {
      fill(byId("recent"), el("li", { class: "none" }, t("booth.recent.none")));
      return;
    }
    fill(byId("recent"), ...this.captures.map((capture) => this.#item(capture)));
  }

  #item(capture) {
    const made = capture.artefacts.some((artefact) => artefact.kind !== "original");
    const picture = `/api/captures/${capture.id}/${made ? "picture" : "photo"}?size=thumb`;
    const button = el(
      "button", { type: "button", data: { capture: capture.id }, "aria-current": String(capture.id === this.marked), onclick: () => this.open(this.captures.find((one) => one.id === capture.id)) },
      el("img", { src: picture, alt: "", loading: "lazy", class: made ? "checker" : "" }),
      el("span", { class: "facts" },
        el("b", {}, capture.sku || t("booth.nosku"), capture.angle ? ` · ${capture.angle + 1}` : ""),
        el("span", { data: { tone: stageTone(capture) } }, stageText(capture))),
    );
    return el("li", {}, button);
  }
}
