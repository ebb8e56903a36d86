// Why hours are on offer or not, and what the promise costs.

import { SignedOut, ask, byId, draw, element, questions } from "./page.js";
import { colon, instant, moment, number, percent, probability, text, wall, words } from "./words.js";

const SHARES = ["share", "rate", "required"], TIMES = ["at", "from", "until", "start", "end"];

// Keys of texts by what is known beside the code.
function keyOf(code, values) {
  if (code === "forecast" && !Object.keys(values).length) return "why_forecast_none";
  if (code === "planned" && ["", "planned"].includes(values.what)) return "why_planned_unnamed";
  return `why_${code}`;
}

function sentence(code, values) {
  const key = keyOf(code, values);
  if (!(key in words)) return code;
  return text(key, Object.fromEntries(Object.entries(values).map(([name, value]) => [name,
    TIMES.includes(name) ? moment(value) : name === "probability" ? probability(value) : SHARES.includes(name) ? percent(value)
      : typeof value === "number" ? number(value) : value || ""])));
}

const askWhy = questions();

export async function explain(event) {
  event.preventDefault();
  const isNewest = askWhy();
  const given = new FormData(event.target), start = instant(given.get("start"));
  const end = new Date(Date.parse(start) + given.get("hours") * 3600e3).toISOString();
  const said = byId("why-said"), list = byId("why-conditions");
  said.textContent = "";
  list.replaceChildren();
  try {
    const found = await ask(`/api/v1/explanation?${new URLSearchParams({ machine: given.get("machine"), start, end })}`);
    if (!isNewest()) return;
    const unmet = found.conditions.some((one) => one.met === false);
    said.textContent = found.offered ? words.why_yes : unmet ? words.why_no : words.why_not_quite;
    list.replaceChildren(...[...found.conditions].sort((a, b) => (a.met === false ? 0 : 1) - (b.met === false ? 0 : 1)).map((one) =>
      element("li", { class: one.met === null ? "told" : one.met ? "met" : "unmet" },
        element("span", { class: "hidden" }, one.met === null ? "" : one.met ? `${words.why_met}${colon}` : `${words.why_unmet}${colon}`), sentence(one.code, one.values))));
  } catch (error) {
    if (isNewest() && !(error instanceof SignedOut)) said.textContent = text("failed", { why: error.message });
  }
}

export function proposeStart(now) {
  const one = wall(Math.ceil(now / 3600e3) * 3600e3 + 3 * 3600e3), start = byId("why").elements.start;
  if (start.value) return; // somebody has been faster
  start.value = `${one.year}-${one.month}-${one.day}T${one.hour}:00`;
}

export async function drawCosts() {
  const found = await ask("/api/v1/promise-costs");
  byId("costs-box").hidden = !found.costs.length;
  const cell = (one) => element("td", {}, one.kept === null ? words.costs_none : `${percent(one.kept)} · ${percent(one.found)}`);
  const rates = [...new Set(found.costs.map((one) => one.rate))];
  draw("costs", rates.map((rate) => ({ rate, now: rate === found.rate, cells: found.costs.filter((one) => one.rate === rate) })), (row) => row.rate,
    (row) => element("tr", row.now ? { "aria-current": "true" } : {}, element("th", { scope: "row" }, percent(row.rate)), ...row.cells.map(cell)));
}
