// Words: one JSON catalogue per language in locales/, listed in locales/index.json. English fills what another lacks.

const KEPT = "packshot-language";
let words = {};
let fallback = {};
let current = "en";

/** The languages there are: [{code, name}]. */
export let languages = [];

/** The language that the page speaks. */
export const language = () => current;

/** Load the words: what was chosen here before, else what the box is set to, else what the browser asks for. */
export async function loadWords(configured = "auto") {
  languages = await json("index");
  const known = languages.map((one) => one.code);
  const asked = [kept(), configured, ...navigator.languages.map((tag) => tag.slice(0, 2))];
  current = asked.find((code) => known.includes(code)) ?? "en";
  fallback = await json("en");
  words = current === "en" ? fallback : await json(current);
  document.documentElement.lang = current;
  translate(document);
}

/** Choose a language; the page is loaded anew, which is quicker than it is to notice. */
export function chooseLanguage(code) {
  localStorage.setItem(KEPT, code);
  location.reload();
}

/** The words for a key, with {names} filled in; the key itself where there are none. */
export function t(key, values = {}) {
  const text = words[key] ?? fallback[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The words for a key, or another text where there are none. */
export const tOr = (key, other) => words[key] ?? fallback[key] ?? other;

/** A number in the language's own form. */
export const figure = (value, digits = 0) =>
  new Intl.NumberFormat(current, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);

/** Bytes for people. */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (count >= 1000 && step < units.length - 1) { count /= 1000; step += 1; }
  return `${figure(count, step > 0 && count < 100 ? 1 : 0)} ${units[step]}`;
}

/** Clock time of an RFC 3339 moment. */
export const clock = (moment) =>
  new Intl.DateTimeFormat(current, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(moment));

/** Put words into elements that ask for them: data-i18n (text), -label (aria-label), -placeholder, -alt. */
export function translate(root) {
  const places = { i18n: null, i18nLabel: "aria-label", i18nPlaceholder: "placeholder", i18nAlt: "alt" };
  for (const element of root.querySelectorAll("[data-i18n], [data-i18n-label], [data-i18n-placeholder], [data-i18n-alt]")) {
    for (const [name, attribute] of Object.entries(places)) {
      const key = element.dataset[name];
      if (key && attribute) element.setAttribute(attribute, t(key));
      else if (key) element.textContent = t(key);
    }
  }
}

async function json(name) {
  const answer = await fetch(`/static/locales/${name}.json`);
  return answer.json();
}

function kept() {
  try { return localStorage.getItem(KEPT); } catch { return null; }
}
