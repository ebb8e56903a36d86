// Texts, moments, shares and numbers as the reader's language writes them, in the factory's time zone.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
export const words = read("words"), facts = read("facts");
export const language = document.documentElement.lang;
const locale = { nl: "nl-BE", fr: "fr-BE", en: "en-GB" }[language];

// French punctuation stands apart from its word.
const apart = language === "fr" ? "\u00a0" : "";
export const colon = `${apart}: `, semicolon = `${apart}; `;

export function text(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

// ---- moments -----------------------------------------------------------------------------------------------------------------

const digits = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const parts = new Intl.DateTimeFormat("en-GB", { timeZone: facts.zone, ...digits });
const weekdays = words.weekdays.split(" "), months = words.months.split(" ");

export function wall(at) { // what the factory's clock shows
  return Object.fromEntries(parts.formatToParts(new Date(at)).map((one) => [one.type, one.value]));
}

export function clock(at) {
  const one = wall(at);
  return `${one.hour}:${one.minute}`;
}

export function dayName(at) {
  const one = wall(at);
  const weekday = new Date(Date.UTC(one.year, one.month - 1, one.day)).getUTCDay();
  return `${weekdays[(weekday + 6) % 7]} ${+one.day} ${months[one.month - 1]}`;
}

// `za 21 nov, 08:00`, as the server writes moments in alerts.
export const moment = (at) => `${dayName(at)}, ${clock(at)}`;

export const span = (one) => `${moment(one.start)} – ${dayName(one.start) === dayName(one.end) ? clock(one.end) : moment(one.end)}`;

export function midnightBefore(at) {
  const { hour, minute, second } = wall(at);
  let guess = at - ((+hour * 60 + +minute) * 60 + +second) * 1000;
  const off = +wall(guess).hour; // an hour off on the day of a DST change
  if (off) guess += (off > 12 ? 24 - off : -off) * 3600e3;
  return Math.floor(guess / 1000) * 1000;
}

export function localDay(at) {
  const one = wall(at);
  return `${one.year}-${one.month}-${one.day}`;
}

export function instant(local) { // of a time on the factory's clock
  const meant = Date.parse(`${local}Z`);
  let at = meant;
  for (let tries = 0; tries < 2; tries += 1) {
    const one = wall(at);
    at += meant - Date.UTC(one.year, one.month - 1, one.day, one.hour, one.minute, one.second);
  }
  return new Date(at).toISOString();
}

// ---- numbers -----------------------------------------------------------------------------------------------------------------

const shares = (more) => new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1, ...more });
const nearest = shares({}), down = shares({ roundingMode: "floor" });
// "99 %" in Dutch and French, "99%" in English; number and sign stay on one line.
const written = (format, share) =>
  format.format(share).replace(/\s*%/u, language === "en" ? "%" : "\u00a0%");
export const percent = (share) => written(nearest, share);
// Rounded down, so that a promise never looks better than it is.
export const probability = (share) => written(down, share);

const plain = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
export const number = (value) => plain.format(value);
const tenths = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
export const hours = (value) => tenths.format(value);
