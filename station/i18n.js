// The visitor's language: catalogues, direction, numbers.

export const LANGUAGES = [
  { code: "en", name: "English", hello: "Welcome" },
  { code: "ja", name: "日本語", hello: "ようこそ" },
  { code: "th", name: "ไทย", hello: "ยินดีต้อนรับ" },
  { code: "es", name: "Español", hello: "Te damos la bienvenida" },
  { code: "ar", name: "العربية", hello: "أهلًا وسهلًا", dir: "rtl" },
  { code: "ko", name: "한국어", hello: "환영합니다" },
  { code: "zh", name: "简体中文", hello: "欢迎" },
  { code: "fr", name: "Français", hello: "Bienvenue" },
  { code: "de", name: "Deutsch", hello: "Willkommen" },
  { code: "hi", name: "हिन्दी", hello: "स्वागत है" },
];

const catalogues = new Map();
let current = { code: "en", texts: {} };

export const language = () => current.code;
export const isKnown = (code) => LANGUAGES.some((each) => each.code === code);

/** Returns the first of the visitor's preferred languages that we have, otherwise English. */
export function preferred(wishes = navigator.languages ?? []) {
  const codes = wishes.map((wish) => wish.toLowerCase().split("-")[0]);
  return codes.find(isKnown) ?? "en";
}

/** Loads a catalog and makes it the page's language. */
export async function setLanguage(code) {
  if (!catalogues.has(code)) {
    const response = await fetch(new URL(`i18n/${code}.json`, import.meta.url));
    if (!response.ok) throw new Error(`no catalogue for ${code}: HTTP ${response.status}`);
    catalogues.set(code, await response.json());
  }
  current = { code, texts: catalogues.get(code) };
  document.documentElement.lang = code;
  document.documentElement.dir = LANGUAGES.find((each) => each.code === code).dir ?? "ltr";
  translate(document);
}

/**
 * Returns the text of a key with its {places} filled in; numbers as the language writes them. A text
 * that depends on a count is an object with a text for each plural category of its language.
 */
export function t(key, values = {}) {
  const entry = current.texts[key];
  const text = typeof entry === "object" ? entry[category(values.count)] : entry;
  if (text === undefined) throw new Error(`no text ${key} in ${current.code}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : value;
  });
}

const category = (count) => new Intl.PluralRules(current.code).select(count);

/** Returns texts as one: "a, b and c". */
export const list = (texts) => new Intl.ListFormat(current.code).format(texts);

/** Returns what a car is called: "the red car"; its id if it has no color. */
export const carName = (car) => (car?.color ? t(`color.${car.color}`) : (car?.id ?? ""));

/** Fills all elements that name a text: data-t for content, data-t-label for the label. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-t]")) {
    element.textContent = t(element.dataset.t);
  }
  for (const element of root.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
  }
}

/** Returns a name in the visitor's language, from a city's {language: text}. */
export const nameOf = (names, fallback) => names?.[current.code] ?? names?.en ?? fallback;

export const number = (value) => new Intl.NumberFormat(current.code).format(value);

/** Returns "40 seconds" or "2 minutes" in the visitor's language. */
export function duration(seconds) {
  const unit = seconds < 90 ? "second" : "minute";
  const amount = unit === "second" ? Math.max(5, Math.ceil(seconds / 5) * 5) : Math.round(seconds / 60);
  return new Intl.NumberFormat(current.code, {
    style: "unit",
    unit,
    unitDisplay: "long",
  }).format(amount);
}
