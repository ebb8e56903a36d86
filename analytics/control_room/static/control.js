"use strict";
// The control room reads the server's HTTP API: live states as server-sent events, everything else every few seconds.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const words = read("words"), facts = read("facts");
const byId = (id) => document.getElementById(id);
const language = document.documentElement.lang === "nl" ? "nl-BE" : "en-GB";
const formats = (options) => new Intl.DateTimeFormat(language, { timeZone: facts.zone, ...options });
const moment = formats({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const clock = formats({ hour: "2-digit", minute: "2-digit" });
const dayName = formats({ weekday: "short", day: "numeric", month: "short" });
const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const MANY = 100;

class SignedOut extends Error {}

async function ask(path, method = "GET", body = undefined) {
  const answer = await fetch(path, {
    method, headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store",
  });
  if (answer.status === 401) { location.reload(); throw new SignedOut(); }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(typeof said.detail === "string" ? said.detail : `${method} ${path}: ${answer.status}`);
  }
  return answer.status === 204 ? null : answer.json();
}

// Elements that have not changed are not rendered again, so that a button does not vanish while it is being pressed.
const drawn = new Map();
function draw(id, values, make, empty) {
  const look = JSON.stringify(values);
  if (drawn.get(id) === look) return;
  drawn.set(id, look);
  const items = values.map(make);
  if (!items.length && empty) { const item = element("li", { class: "soft" }, empty); items.push(item); }
  byId(id).replaceChildren(...items);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((one) => one !== null));
  return made;
}

function button(text, kind, act) {
  const made = element("button", { type: "button", class: kind }, text);
  made.addEventListener("click", async () => {
    made.disabled = true;
    byId("failed").hidden = true;
    try { await act(); await decisions(); }
    catch (error) {
      if (error instanceof SignedOut) return;
      byId("failed").textContent = `${words.failed} ${error.message}`;
      byId("failed").hidden = false;
    } finally { made.disabled = false; }
  });
  return made;
}

const span = (one) => `${moment.format(new Date(one.start))} – ${
  dayName.format(new Date(one.start)) === dayName.format(new Date(one.end)) ? clock.format(new Date(one.end)) : moment.format(new Date(one.end))}`;

// ---- decisions -------------------------------------------------------------------------------------------------------------------

let slots = [];

const withdraw = (machine, one) => button(words.veto, "second", async () => {
  if (confirm(words.veto_sure)) await ask("/api/v1/vetoes", "POST", { machine, start: one.start, end: one.end });
});

const opened = new Set(); // what is drawn anew every few seconds stays open

function windowsOf(slot) {
  const key = `${slot.machine} ${slot.end}`;
  const made = element("details", opened.has(key) ? { open: "" } : {}, element("summary", {}, `${slot.windows.length} ${words.windows}`),
    element("ul", {}, ...slot.windows.map((one) => element("li", {}, element("span", {}, `${span(one)} · ${percent.format(one.probability)}`), withdraw(slot.machine, one)))));
  made.addEventListener("toggle", () => made.open ? opened.add(key) : opened.delete(key));
  return made;
}

async function decisions() {
  const [kill, approvals, alerts, offered, vetoes, status] = await Promise.all(
    ["kill-switch", "approvals", "alerts", "slots", "vetoes", "status"].map((one) => ask(`/api/v1/${one}`)));
  showKillSwitch(kill.on, offered.pending);
  draw("alerts", alerts.alerts.filter((one) => one.cleared === null), (one) => element("li", {}, one.sentence), words.no_alerts);
  draw("approvals", approvals.approvals.filter((one) => one.status === "asked"), (one) => element("li", {},
    element("div", {}, element("b", {}, one.machine), ` ${span(one)}`, element("p", { class: "soft" },
      `${words.sure} ${percent.format(one.probability)} · ${words.answer_by} ${moment.format(new Date(one.answer_by))}`)),
    element("div", { class: "actions" },
      button(words.approve, "", () => ask(`/api/v1/approvals/${one.id}`, "POST", { approve: true })),
      button(words.refuse, "second", () => ask(`/api/v1/approvals/${one.id}`, "POST", { approve: false })))), words.no_approvals);
  slots = offered.slots;
  draw("slots", slots, (one) => element("li", {},
    element("div", {}, element("b", {}, one.machine), ` ${span(one)}`, element("p", { class: "soft" },
      `${words.sure} ${one.windows.length > 1 ? `${words.at_least} ` : ""}${percent.format(one.probability)} · ${words.record} ${one.broken} ${words.of} ${one.checked}`),
    one.windows.length > 1 ? windowsOf(one) : null),
    element("div", { class: "actions" }, withdraw(one.machine, one))), words.no_slots);
  byId("vetoes-title").hidden = !vetoes.vetoes.length;
  draw("vetoes", vetoes.vetoes, (one) => element("li", {},
    element("div", {}, element("b", {}, one.machine), ` ${span(one)}`),
    element("div", { class: "actions" }, button(words.lift, "second", () => ask(`/api/v1/vetoes/${one.id}`, "DELETE")))));
  const kept = offered.promises;
  byId("promises").textContent = kept && kept.checked
    ? `${words.promises}: ${kept.checked}, ${words.broken} ${percent.format(kept.broken / kept.checked)} (${words.at_most} ${percent.format(kept.promised_at_most)})` : "";
  const missing = Object.fromEntries(status.gateways.map((one) => [one.gateway, one.missing]));
  draw("gateways", (status.gateways_now || []).filter((one) => one.factory === facts.factory).map((one) => ({ ...one, at: null, missing: missing[one.gateway] || 0 })),
    (one) => element("li", {}, element("b", {}, one.gateway), ` ${one.online ? words.online : words.offline}`,
      one.outbox === null ? "" : ` · ${one.outbox} ${words.waits}`, ` · ${one.missing} ${words.missing}`), words.no_gateways);
}

function showKillSwitch(on, pending) {
  byId("kill").classList.toggle("on", on);
  byId("kill-state").textContent = (on ? words.kill_is_on : words.kill_is_off) + (pending ? ` ${words.pending}` : "");
  const look = on ? "on" : "off";
  if (byId("kill-button").dataset.look === look) return;
  const fresh = button(on ? words.kill_off : words.kill_on, on ? "second" : "danger", async () => {
    if (on || confirm(words.kill_sure)) await ask("/api/v1/kill-switch", "PUT", { on: !on });
  });
  fresh.id = "kill-button";
  fresh.dataset.look = look;
  byId("kill-button").replaceWith(fresh);
}

// ---- machines, live --------------------------------------------------------------------------------------------------------------

const machines = new Map();

function showMachines() {
  const now = Date.now() + clockApart;
  const shown = [...machines.values()].sort((a, b) => a.machine.localeCompare(b.machine)).map((one) => {
    const silent = now - Date.parse(one.until) > facts.maxSilenceMs;
    return { machine: one.machine, state: silent ? "unknown" : one.state, silent, since: silent ? one.until : one.since, reason: one.reason };
  });
  draw("machines", shown, (one) => {
    const item = element("li", { "data-machine": one.machine, "data-state": one.state }, element("b", {}, one.machine), words[`state_${one.state}`],
      element("div", { class: "soft" }, `${one.silent ? words.silent : words.since} ${moment.format(new Date(one.since))}${one.reason ? ` · ${one.reason}` : ""}`));
    item.style.setProperty("--state", facts.states[one.state]);
    return item;
  }, words.no_machines);
  const names = shown.map((one) => one.machine);
  for (const [id, first] of [["machine", 1], ["why-machine", 0]]) {
    const choice = byId(id);
    if (choice.options.length - first === names.length) continue;
    const chosen = choice.value;
    choice.replaceChildren(...[...choice.options].slice(0, first), ...names.map((one) => element("option", { value: one }, one)));
    choice.value = chosen || (first ? "" : names[0]);
  }
}

let clockApart = 0; // difference of the server's clock, which may replay a recording, from the browser's

function listen() {
  const stream = new EventSource("/api/v1/stream");
  stream.addEventListener("state", (event) => {
    const one = JSON.parse(event.data);
    machines.set(one.machine, one);
    schedule();
  });
  stream.addEventListener("open", () => { byId("lost").hidden = true; });
  stream.addEventListener("error", () => { byId("lost").hidden = false; });
}

let waiting = false;
function schedule() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; showMachines(); });
}

// ---- charts ----------------------------------------------------------------------------------------------------------------------

const charts = {};
function picture(id, config) {
  if (charts[id]) { Object.assign(charts[id].data, config.data); charts[id].options = config.options; charts[id].update("none"); }
  else charts[id] = new Chart(byId(id), config);
}
const base = () => ({ animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: "nearest", intersect: false } });

async function drawToday() {
  const page = await ask("/api/v1/machines?limit=10000");
  for (const one of page.machines) machines.set(one.machine, one);
  schedule();
  const names = page.machines.map((one) => one.machine).slice(0, MANY);
  if (!names.length) return;
  const now = Math.max(Date.now() + clockApart, ...page.machines.map((one) => Date.parse(one.until)));
  const start = now - (now - midnightBefore(now));
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
    scales: { x: { min: start, max: start + 24 * 3600e3, ticks: { stepSize: 3 * 3600e3, callback: (value) => clock.format(value) } }, y: { ticks: { autoSkip: false } } },
    plugins: { legend: { display: false }, tooltip: { callbacks: { label: (one) => `${one.dataset.label}: ${clock.format(one.raw.x[0])} – ${clock.format(one.raw.x[1])}` } } } } });
  if (!byId("legend").children.length) byId("legend").replaceChildren(...Object.entries(facts.states).map(([state, colour]) => {
    const made = element("span", {}, words[`state_${state}`]); made.style.setProperty("--state", colour); return made; }));
}

const parts = formats({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
function wall(at) { return Object.fromEntries(parts.formatToParts(at).map((one) => [one.type, one.value])); }
function midnightBefore(at) {
  const { hour, minute, second } = wall(at);
  let guess = at - ((+hour * 60 + +minute) * 60 + +second) * 1000;
  const off = +wall(guess).hour; // an hour off on the day of a DST change
  if (off) guess += (off > 12 ? 24 - off : -off) * 3600e3;
  return Math.floor(guess / 1000) * 1000;
}
function localDay(at) { const one = wall(at); return `${one.year}-${one.month}-${one.day}`; }

async function drawForecast() {
  const chosen = byId("machine").value;
  const found = await ask(`/api/v1/forecast${chosen ? `?machine=${encodeURIComponent(chosen)}` : ""}`);
  const own = slots.filter((one) => !chosen || one.machine === chosen);
  const starts = found.hours.map((one) => Date.parse(one));
  const offered = starts.map((at) => {
    const share = own.filter((one) => Date.parse(one.start) < at + 3600e3 && Date.parse(one.end) > at).length;
    return chosen ? Math.min(1, share) : Math.min(1, share / Math.max(1, machines.size));
  });
  picture("forecast", { data: { labels: starts.map((at) => moment.format(at)), datasets: [
    { type: "line", label: words.free, data: found.free, borderColor: "#14532d", backgroundColor: "#14532d", pointRadius: 0, borderWidth: 2, stepped: true },
    { type: "bar", label: words.on_offer, data: offered, backgroundColor: "#56B4E9", barPercentage: 1, categoryPercentage: 1 }] },
    options: { ...base(), scales: { x: { ticks: { maxTicksLimit: 8, maxRotation: 0 } }, y: { min: 0, max: 1, ticks: { callback: (value) => percent.format(value) } } } } });
}

// ---- why hours are on offer or not -------------------------------------------------------------------------------------------------

function instant(local) { // of a time on the factory's clock
  const meant = Date.parse(`${local}Z`);
  let at = meant;
  for (let tries = 0; tries < 2; tries += 1) {
    const one = wall(at);
    at += meant - Date.UTC(one.year, one.month - 1, one.day, one.hour, one.minute, one.second);
  }
  return new Date(at).toISOString();
}

const SHARES = ["share", "rate", "probability", "required"], TIMES = ["at", "from", "until", "start", "end"];
const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 3 });
function sentence(code, values) {
  const known = Object.keys(values).length || code !== "forecast";
  return (words[`why_${code}${known ? "" : "_none"}`] || code).replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    if (TIMES.includes(name)) return moment.format(new Date(value));
    if (SHARES.includes(name)) return percent.format(value);
    return typeof value === "number" ? numbers.format(value) : value || "";
  });
}

async function explain(event) {
  event.preventDefault();
  const given = new FormData(event.target), start = instant(given.get("start"));
  const end = new Date(Date.parse(start) + given.get("hours") * 3600e3).toISOString();
  const said = byId("why-said"), list = byId("why-conditions");
  said.textContent = "";
  list.replaceChildren();
  try {
    const found = await ask(`/api/v1/explanation?${new URLSearchParams({ machine: given.get("machine"), start, end })}`);
    const unmet = found.conditions.some((one) => one.met === false);
    said.textContent = found.offered ? words.why_yes : unmet ? words.why_no : words.why_not_quite;
    list.replaceChildren(...[...found.conditions].sort((a, b) => (a.met === false ? 0 : 1) - (b.met === false ? 0 : 1)).map((one) =>
      element("li", { class: one.met === null ? "told" : one.met ? "met" : "unmet" },
        element("span", { class: "hidden" }, one.met === null ? "" : one.met ? `${words.why_met}: ` : `${words.why_unmet}: `), sentence(one.code, one.values))));
  } catch (error) {
    if (error instanceof SignedOut) return;
    said.textContent = `${words.failed} ${error.message}`;
  }
}

async function drawCosts() {
  const found = await ask("/api/v1/promise-costs");
  byId("costs-box").hidden = !found.costs.length;
  const cell = (one) => element("td", {}, one.kept === null ? words.costs_none : `${percent.format(one.kept)} · ${percent.format(one.found)}`);
  draw("costs", [...new Set(found.costs.map((one) => one.rate))].map((rate) => ({ rate, now: rate === found.rate, cells: found.costs.filter((one) => one.rate === rate) })),
    (row) => element("tr", row.now ? { "aria-current": "true" } : {}, element("th", { scope: "row" }, percent.format(row.rate)), ...row.cells.map(cell)));
}

function proposeStart() {
  const one = wall(Math.ceil((Date.now() + clockApart) / 3600e3) * 3600e3 + 3 * 3600e3);
  byId("why").elements.start.value = `${one.year}-${one.month}-${one.day}T${one.hour}:00`;
}

async function drawUsed() {
  const now = Date.now() + clockApart, first = localDay(now - 13 * 86400e3);
  const page = await ask(`/api/v1/kpis?first=${first}&last=${localDay(now)}&by=factory&per=day`);
  const value = (row, name) => name === "production" ? row.apt_h : row.losses_h[name] || 0;
  picture("used", { type: "bar", data: { labels: page.rows.map((one) => dayName.format(new Date(one.start))), datasets: Object.entries(facts.losses).map(([name, colour]) => ({
    label: words[`loss_${name}`], backgroundColor: colour, stack: "all", data: page.rows.map((row) => value(row, name)) })) },
    options: { ...base(), scales: { x: { stacked: true, ticks: { maxRotation: 0, maxTicksLimit: 7 } }, y: { stacked: true, title: { display: true, text: words.hours } } }, plugins: { legend: { labels: { boxWidth: 12 } } } } });
}

// ---- start -----------------------------------------------------------------------------------------------------------------------

async function steadily(step, seconds) {
  for (;;) {
    try { await step(); byId("lost").hidden = true; }
    catch (error) { if (error instanceof SignedOut) return; byId("lost").hidden = false; console.debug(error); }
    await new Promise((done) => setTimeout(done, seconds * 1000));
  }
}

const head = await fetch("/api/v1/kill-switch", { cache: "no-store" });
if (head.headers.get("x-vrijloop-now")) clockApart = Date.parse(head.headers.get("x-vrijloop-now")) - Date.now();
listen();
steadily(decisions, 2);
steadily(drawToday, 30);
steadily(drawForecast, 20);
steadily(drawUsed, 300);
setInterval(showMachines, 10000);
byId("machine").addEventListener("change", () => drawForecast().catch(() => {}));
steadily(drawCosts, 60);
proposeStart();
byId("why").addEventListener("submit", explain);
