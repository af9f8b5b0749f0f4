// The SKU: typed, scanned, or picked from a list.

import { get } from "../api.js";
import { byId, dialog, el, fill } from "../dom.js";
import { t } from "../i18n.js";
import { attempt } from "../shell.js";

const USED = "packshot-skus";
const REMEMBERED = 30;
const AIM_PREFIX = /^\][A-Za-z]\d/; // symbology identifier (ISO/IEC 15424), which some scanners send first

/** The SKU field; `changed()` is called when another product is meant. */
export class Skus {
  constructor(changed) {
    this.catalogue = false;
    this.changed = changed;
    this.last = "";
    byId("sku").addEventListener("focus", () => byId("sku").select());
    byId("sku").addEventListener("change", () => this.#settle());
    byId("sku-list").addEventListener("click", () => this.#list());
    document.addEventListener("keydown", (event) => this.#key(event), true);
  }

  get value() {
    return byId("sku").value.trim();
  }

  /** Use this SKU from now on. */
  set(sku) {
    byId("sku").value = sku;
    this.#settle();
  }

  /** Keep a SKU for the list. */
  remember(sku) {
    if (!sku) return;
    const used = [sku, ...usedSkus().filter((one) => one !== sku)].slice(0, REMEMBERED);
    localStorage.setItem(USED, JSON.stringify(used));
  }

  #settle() {
    byId("sku").value = byId("sku").value.replace(AIM_PREFIX, "");
    if (this.value === this.last) return;
    this.last = this.value;
    this.changed();
  }

  /** A scanner types: whatever has the focus, unless it takes text itself, its keys go to the field, which starts anew. */
  #key(event) {
    if (document.querySelector("dialog[open]") || event.ctrlKey || event.altKey || event.metaKey) return;
    const at = document.activeElement;
    if (event.key === "Enter" && at === byId("sku")) this.#enter(event);
    else if (event.key.length === 1 && event.key !== " " && !at.matches("input:not([type=range]), select, textarea")) byId("sku").focus();
  }

  #enter(event) {
    event.preventDefault();
    event.stopPropagation();
    this.#settle();
    byId("sku").blur();
  }

  async #list() {
    const list = el("div", { class: "list" });
    const search = el("input", { id: "sku-search", type: "search", autocomplete: "off", "aria-label": t("sku.search"), placeholder: t("sku.search") });
    const note = el("p", { class: "muted small", role: "status" });
    const box = dialog(t("booth.sku.list"), t("close"), search, note, list);
    const find = async () => {
      const found = this.catalogue ? await attempt(() => get(`/api/skus?search=${encodeURIComponent(search.value)}`)) : usedMatching(search.value);
      if (!found) return;
      note.textContent = this.catalogue ? t("sku.found", { total: found.total }) : t("sku.used");
      fill(list, ...found.skus.map((sku) => el("button", { type: "button", data: { sku }, onclick: () => { box.close(); this.set(sku); } }, sku)));
    };
    search.addEventListener("input", find);
    await find();
  }
}

function usedMatching(text) {
  const skus = usedSkus().filter((sku) => sku.toLowerCase().includes(text.trim().toLowerCase()));
  return { skus, total: skus.length };
}

function usedSkus() {
  try { return JSON.parse(localStorage.getItem(USED) ?? "[]"); } catch { return []; }
}
