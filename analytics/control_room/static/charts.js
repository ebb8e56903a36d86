// The pictures, each with the same figures in a table beside it.

import { ask, byId, draw, element, questions } from "./page.js";
import { clock, colon, dayName, facts, hours, localDay, midnightBefore, moment, percent, words } from "./words.js";

const MANY = 100;
const charts = {};

function picture(id, config) {
  if (charts[id]) { Object.assign(charts[id].data, config.data); charts[id].options = config.options; charts[id].update("none"); }
  else charts[id] = new Chart(byId(id), config);
}
const base = () => ({ animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: "nearest", intersect: false } });

// Rows are made while somebody looks at the table: a day of a hundred machines has thousands.
const tables = new Map();
function table(id, rows) {
  const box = byId(`${id}-table`);
  if (!tables.has(id)) box.addEventListener("toggle", () => fill(id));
  tables.set(id, rows);
  fill(id);
}
function fill(id) {
  if (!byId(`${id}-table`).open) return;
  draw(`${id}-rows`, tables.get(id)(), (row) => row.key, (row) => element("tr", {},
    element("th", { scope: "row" }, row.cells[0]), ...row.cells.slice(1).map((one) => element("td", {}, one))));
}

export async function drawToday(apart) {
  const page = await ask("/api/v1/machines?limit=10000");
  const names = page.machines.map((one) => one.machine).slice(0, MANY);
  if (!names.length) return page.machines;
  const now = Math.max(Date.now() + apart, ...page.machines.map((one) => Date.parse(one.until)));
  const start = midnightBefore(now);
  const query = names.map((one) => `machine=${encodeURIComponent(one)}`).join("&");
  const found = await ask(`/api/v1/timelines?start=${new Date(start).toISOString()}&end=${new Date(now + 1000).toISOString()}&${query}`);
  // A state confirmed less than `max_silence` ago is not unknown yet.
  for (const own of Object.values(found.machines)) {
    const last = own[own.length - 1];
    if (last && last[2] === "unknown" && last[1] - last[0] < facts.maxSilenceMs) own.pop();
  }
  byId("today-box").style.height = `${3 + 1.7 * names.length}rem`;
  const datasets = Object.entries(facts.states).map(([state, colour]) => ({
    label: words[`state_${state}`], backgroundColor: colour, grouped: false, barPercentage: .9, categoryPercentage: .9,
    data: names.flatMap((name) => (found.machines[name] || []).filter((one) => one[2] === state).map((one) => ({ x: [one[0], one[1]], y: name }))),
  }));
  picture("today", { type: "bar", data: { labels: names, datasets }, options: { ...base(), indexAxis: "y",
    scales: { x: { min: start, max: start + 24 * 3600e3, ticks: { stepSize: 3 * 3600e3, callback: (value) => clock(value) } }, y: { ticks: { autoSkip: false } } },
    plugins: { legend: { display: false }, tooltip: { callbacks: { label: (one) => `${one.dataset.label}${colon}${clock(one.raw.x[0])} – ${clock(one.raw.x[1])}` } } } } });
  table("today", () => names.flatMap((name) => (found.machines[name] || []).map(([from, until, state]) => (
    { key: `${name} ${from}`, cells: [name, words[`state_${state}`], clock(from), clock(until)] }))));
  if (!byId("legend").children.length) byId("legend").replaceChildren(...Object.entries(facts.states).map(([state, colour]) => {
    const made = element("span", {}, words[`state_${state}`]); made.style.setProperty("--state", colour); return made; }));
  return page.machines;
}

const askForecast = questions();

export async function drawForecast(slots, count) {
  const isNewest = askForecast(), chosen = byId("machine").value;
  const found = await ask(`/api/v1/forecast${chosen ? `?machine=${encodeURIComponent(chosen)}` : ""}`);
  if (!isNewest()) return; // another machine was chosen
  const own = slots.filter((one) => !chosen || one.machine === chosen);
  const starts = found.hours.map((one) => Date.parse(one));
  const offered = starts.map((at) => {
    const share = own.filter((one) => Date.parse(one.start) < at + 3600e3 && Date.parse(one.end) > at).length;
    return chosen ? Math.min(1, share) : Math.min(1, share / Math.max(1, count));
  });
  picture("forecast", { data: { labels: starts.map(moment), datasets: [
    { type: "line", label: words.free, data: found.free, borderColor: "#14532d", backgroundColor: "#14532d", pointRadius: 0, borderWidth: 2, stepped: true },
    ...(facts.hasPlatform ? [{ type: "bar", label: words.on_offer, data: offered, backgroundColor: "#56B4E9", barPercentage: 1, categoryPercentage: 1 }] : [])] },
    options: { ...base(), scales: { x: { ticks: { maxTicksLimit: 8, maxRotation: 0 } }, y: { min: 0, max: 1, ticks: { callback: (value) => percent(value) } } } } });
  table("forecast", () => starts.map((at, place) => (
    { key: at, cells: [moment(at), found.free[place] === null ? "–" : percent(found.free[place]), ...(facts.hasPlatform ? [percent(offered[place])] : [])] })));
}

export async function drawUsed(apart) {
  const now = Date.now() + apart, first = localDay(now - 13 * 86400e3);
  const page = await ask(`/api/v1/kpis?first=${first}&last=${localDay(now)}&by=factory&per=day`);
  const value = (row, name) => name === "production" ? row.apt_h : row.losses_h[name] || 0;
  picture("used", { type: "bar", data: { labels: page.rows.map((one) => dayName(one.start)), datasets: Object.entries(facts.losses).map(([name, colour]) => ({
    label: words[`loss_${name}`], backgroundColor: colour, stack: "all", data: page.rows.map((row) => value(row, name)) })) },
    options: { ...base(), scales: { x: { stacked: true, ticks: { maxRotation: 0, maxTicksLimit: 7 } }, y: { stacked: true, title: { display: true, text: words.hours } } }, plugins: { legend: { labels: { boxWidth: 12 } } } } });
  table("used", () => page.rows.map((row) => (
    { key: row.start, cells: [dayName(row.start), ...Object.keys(facts.losses).map((name) => hours(value(row, name)))] })));
}
