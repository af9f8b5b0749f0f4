// Building elements. Text is always text: nothing here, or anywhere else, parses HTML.

import { icon } from "./icons.js";

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * A new element: `el("button", {type: "button", onclick: save, icon: "check"}, "Save")`.
 * Properties that begin with "on" are listeners, "data" is a map of data attributes, null and false are left out.
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "icon") element.append(icon(value));
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replace an element's children, leaving it alone (and with it focus and scroll) when nothing changed. */
export function fill(element, ...children) {
  const fresh = document.createElement("div");
  fresh.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  const same = fresh.childNodes.length === element.childNodes.length
    && [...fresh.childNodes].every((node, index) => node.isEqualNode(element.childNodes[index]));
  if (!same) element.replaceChildren(...fresh.childNodes);
}

/** Put icons into the page's own elements: `data-icon="list"`. */
export function placeIcons(root = document) {
  for (const element of root.querySelectorAll("[data-icon]")) element.prepend(icon(element.dataset.icon));
}

/** Choose among the buttons of a group: the pressed one has aria-pressed. */
export function press(group, attribute, value) {
  for (const button of group.querySelectorAll(`[data-${attribute}]`)) {
    button.setAttribute("aria-pressed", String(button.dataset[attribute] === value));
  }
}

/** A badge: a word with a tone ("good", "warn", "bad", "busy") and an icon, so that colour never speaks alone. */
export function badge(text, tone = "", name = "") {
  return el("span", { class: "badge", data: tone ? { tone } : {}, icon: name || null }, text);
}

/** Options of a <select> from [value, text] pairs. */
export function options(select, pairs, chosen) {
  fill(select, ...pairs.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
  select.value = chosen;
}

const SHOWN_MS = 6000;

/** Say something at the bottom of the page, to eyes and to screen readers. */
export function say(text, tone = "") {
  const place = byId("messages") ?? document.body.appendChild(el("div", { class: "messages", id: "messages", role: "status" }));
  const message = el("div", { class: "message", data: tone ? { tone } : {} }, text);
  place.replaceChildren(message);
  setTimeout(() => message.remove(), SHOWN_MS);
}

/** A modal dialog with a title and a way out; returns the element, removed from the page when it closes. */
export function dialog(title, closeText, ...children) {
  const close = el("button", { type: "button", class: "plain square", "aria-label": closeText, icon: "close", onclick: () => box.close() });
  const id = `dialog-${Math.random().toString(36).slice(2)}`;
  const box = el("dialog", { "aria-labelledby": id }, el("div", { class: "head" }, el("h2", { id }, title), close), ...children);
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}
