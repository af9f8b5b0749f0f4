// The result on the stage: the photo at once, the cutout over it when it is there, a slider between the two.

import { byId } from "../dom.js";

/** Shows one capture; `data-click-to-result` on the stage is the time in ms that the last press took. */
export class Result {
  constructor() {
    this.capture = null;
    this.presses = new Map();
    byId("split").addEventListener("input", () => this.#split(100 - Number(byId("split").value)));
    new ResizeObserver(() => this.#fit()).observe(byId("stage"));
  }

  /** Note when the shutter of a capture was pressed. */
  pressed(id, at) {
    this.presses.set(id, at);
  }

  /** Show a capture, or more of the one that is shown. */
  show(capture) {
    const fresh = this.capture?.id !== capture.id;
    const again = !fresh && this.capture.stage !== capture.stage && capture.stage === "accepted";
    this.capture = capture;
    byId("stage").dataset.shows = "result";
    byId("picture").hidden = false;
    if (fresh || again) this.#begin(capture);
    byId("working").hidden = capture.stage !== "accepted";
    const made = capture.artefacts.some((artefact) => artefact.kind !== "original");
    if (made && byId("after").hidden && !this.coming) this.#arrive(capture);
  }

  /** Back to the live picture alone. */
  hide() {
    this.capture = null;
    byId("stage").dataset.shows = "live";
    byId("picture").hidden = true;
  }

  #begin(capture) {
    this.coming = false;
    for (const id of ["after", "divider", "compare"]) byId(id).hidden = true;
    const before = byId("before");
    before.hidden = true;
    before.onload = () => { before.hidden = false; this.#fit(); };
    before.src = `/api/captures/${capture.id}/photo`;
  }

  async #arrive(capture) {
    this.coming = true;
    const image = new Image();
    image.src = `/api/captures/${capture.id}/cutout?size=view&r=${capture.revision}`;
    try { await image.decode(); } catch { this.coming = false; return; }
    if (this.capture?.id !== capture.id) return;
    this.coming = false;
    const after = byId("after");
    after.src = image.src;
    for (const id of ["after", "divider", "compare"]) byId(id).hidden = false;
    byId("split").value = "100";
    this.#split(0);
    after.classList.remove("arriving");
    requestAnimationFrame(() => after.classList.add("arriving"));
    this.#told(capture);
  }

  #told(capture) {
    const pressed = this.presses.get(capture.id);
    if (pressed !== undefined) byId("stage").dataset.clickToResult = (performance.now() - pressed).toFixed(0);
    this.presses.delete(capture.id);
    byId("stage").dataset.result = capture.id;
  }

  #split(percent) {
    byId("frame").style.setProperty("--split", `${percent}%`);
  }

  /** The frame has the photo's shape, so that both pictures and the divider lie exactly over each other. */
  #fit() {
    const before = byId("before");
    if (!before.naturalWidth || byId("picture").hidden) return;
    const { clientWidth: width, clientHeight: height } = byId("picture");
    const scale = Math.min(width / before.naturalWidth, height / before.naturalHeight);
    byId("frame").style.width = `${Math.floor(before.naturalWidth * scale)}px`;
    byId("frame").style.height = `${Math.floor(before.naturalHeight * scale)}px`;
  }
}
