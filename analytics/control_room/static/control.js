// The control room reads the server's HTTP API: live states as server-sent events, everything else every few seconds. Updates can be paused.

import { drawCalendars } from "./calendars.js";
import { drawForecast, drawToday, drawUsed } from "./charts.js";
import { drawComparison } from "./comparison.js";
import { drawCosts, explain, proposeStart } from "./explanations.js";
import { SignedOut, ask, button, byId, draw, element, onClick, questions } from "./page.js";
import { clock, dayName, facts, language, localDay, moment, percent, probability, span, text, words } from "./words.js";

// ---- decisions -------------------------------------------------------------------------------------------------------------------

let slots = [];

const decide = (act) => async () => { await act(); await decisions(); };

const withdraw = (machine, one) => button(words.veto, "second", `veto ${one.start} ${one.end}`, decide(async () => {
  if (confirm(words.veto_sure)) await ask("/api/v1/vetoes", "POST", { machine, start: one.start, end: one.end });
}));

const opened = new Set(); // what is drawn anew stays open

function windowsOf(slot) {
  const key = `${slot.machine} ${slot.end}`;
  const made = element("details", opened.has(key) ? { open: "" } : {}, element("summary", { "data-act": "windows" }, text("windows", { count: slot.windows.length })),
    element("ul", {}, ...slot.windows.map((one) => element("li", {}, element("span", {}, `${span(one)} · ${probability(one.probability)}`), withdraw(slot.machine, one)))));
  made.addEventListener("toggle", () => made.open ? opened.add(key) : opened.delete(key));
  return made;
}

const head = (one) => [element("b", {}, one.machine), ` ${span(one)}`];
const record = (one) => one.checked ? text("record", { broken: one.broken, checked: one.checked }) : words.record_none;

const askDecisions = questions();

async function decisions() {
  const isNewest = askDecisions();
  const [kill, approvals, alerts, offered, vetoes, status] = await Promise.all(
    ["kill-switch", "approvals", `alerts?lang=${language}`, "slots", "vetoes", `status?lang=${language}`].map((one) => ask(`/api/v1/${one}`)));
  if (!isNewest()) return; // somebody has decided meanwhile
  showKillSwitch(kill, offered.pending);
  showPolicy(status.policy);
  draw("alerts", alerts.alerts.filter((one) => one.cleared === null), (one) => `${one.kind} ${one.machine} ${one.booking}`,
    (one) => element("li", {}, one.text), words.no_alerts);
  draw("approvals", approvals.approvals.filter((one) => one.status === "asked"), (one) => one.id, (one) => element("li", {},
    element("div", {}, ...head(one), element("p", { class: "soft" },
      `${text("probability", { percent: probability(one.probability) })} · ${text("answer_by", { moment: moment(one.answer_by) })}`)),
    element("div", { class: "actions" },
      button(words.approve, "", "approve", decide(() => ask(`/api/v1/approvals/${one.id}`, "POST", { approve: true }))),
      button(words.refuse, "second", "refuse", decide(() => ask(`/api/v1/approvals/${one.id}`, "POST", { approve: false }))))), words.no_approvals);
  const answered = approvals.approvals.filter((one) => one.status === "approved" || one.status === "refused");
  byId("answered-title").hidden = !answered.length;
  draw("answered", answered, (one) => one.id, (one) => element("li", {},
    element("div", {}, ...head(one), element("p", { class: "soft" }, text(`${one.status}_by`, { who: who(one.person) })))));
  slots = offered.slots;
  draw("slots", slots, (one) => `${one.machine} ${one.start}`, (one) => element("li", {},
    element("div", {}, ...head(one), element("p", { class: "soft" },
      `${text(one.windows.length > 1 ? "probability_at_least" : "probability", { percent: probability(one.probability) })} · ${record(one)}`),
    one.windows.length > 1 ? windowsOf(one) : null),
    element("div", { class: "actions" }, withdraw(one.machine, one))), words.no_slots);
  byId("vetoes-title").hidden = !vetoes.vetoes.length;
  draw("vetoes", vetoes.vetoes, (one) => one.id, (one) => element("li", {},
    element("div", {}, ...head(one), element("p", { class: "soft" }, text("kept_by", { who: who(one.person) }))),
    element("div", { class: "actions" }, button(words.lift, "second", "lift", decide(() => ask(`/api/v1/vetoes/${one.id}`, "DELETE"))))));
  const kept = offered.promises;
  byId("promises").textContent = kept && kept.checked
    ? text("promises", { checked: kept.checked, broken: kept.broken, share: percent(kept.broken / kept.checked), most: percent(kept.promised_at_most) }) : "";
  const missing = Object.fromEntries(status.gateways.map((one) => [one.gateway, one.missing]));
  draw("gateways", (status.gateways_now || []).filter((one) => one.factory === facts.factory).map((one) => ({ ...one, at: null, missing: missing[one.gateway] || 0 })),
    (one) => one.gateway,
    (one) => element("li", {}, element("b", {}, one.gateway), ` ${one.online ? words.online : words.offline}`,
      one.outbox === null ? "" : ` · ${text("queued", { count: one.outbox })}`, ` · ${text("missing", { count: one.missing })}`, expiring(one.certificate_days)), words.no_gateways);
  const first = (status.certificates || []).find((one) => one.problem);
  byId("certificate").hidden = !first;
  byId("certificate").textContent = first ? text("server_certificate_expires", { day: dayName(Date.parse(first.expires)) }) : "";
}

const soonDays = 30;

// Of the first certificate that a gateway depends on; it tells whole days.
const expiring = (days) => (days == null || days >= soonDays ? "" : ` · ${text("certificate_expires", { day: dayName(Date.now() + clockApart + days * 864e5) })}`);

function showPolicy(policy) {
  byId("policy").hidden = !policy.problem;
  if (byId("policy-problem").textContent !== (policy.problem_text || "")) byId("policy-problem").textContent = policy.problem_text || "";
  facts.maxSilenceMs = policy.max_silence_s * 1000;
  if (policy.zone !== facts.zone) location.reload(); // every time on the page is another one
}

let killSwitch = { on: false };

const who = (person) => person === null ? words.by_token : text("by_person", { person });

// "Withdrawn by Eva at 14:05." That hours are offered again is said until the day is over.
function setBy({ on, person, at }) {
  if (at === null) return [];
  const today = localDay(at) === localDay(Date.now() + clockApart);
  if (!on && !today) return [];
  const when = today ? text("at_time", { time: clock(at) }) : text("on_day", { moment: moment(at) });
  return [text(on ? "withdrawn_by" : "resumed_by", { who: who(person), when })];
}

function showKillSwitch(found, pending) {
  killSwitch = found;
  byId("kill").classList.toggle("on", found.on);
  const said = [found.on ? words.kill_is_on : words.kill_is_off, ...setBy(found), ...(pending ? [words.pending] : [])].join(" ");
  if (byId("kill-state").textContent !== said) byId("kill-state").textContent = said;
  const press = byId("kill-button");
  press.textContent = found.on ? words.kill_off : words.kill_on;
  press.className = found.on ? "second" : "danger";
  press.hidden = false;
}

onClick(byId("kill-button"), decide(async () => {
  const { on } = killSwitch;
  if (on || confirm(words.kill_sure)) await ask("/api/v1/kill-switch", "PUT", { on: !on });
}));

// ---- machines, live --------------------------------------------------------------------------------------------------------------

const machines = new Map();

function showMachines() {
  const now = Date.now() + clockApart;
  const shown = [...machines.values()].sort((a, b) => a.machine.localeCompare(b.machine)).map((one) => {
    const silent = now - Date.parse(one.until) > facts.maxSilenceMs;
    return { machine: one.machine, state: silent ? "unknown" : one.state, silent, since: silent ? one.until : one.since, reason: one.reason };
  });
  draw("machines", shown, (one) => one.machine, (one) => {
    const when = text(one.silent ? "silent" : "since", { moment: moment(one.since) });
    const item = element("li", { "data-machine": one.machine, "data-state": one.state }, element("b", {}, one.machine), words[`state_${one.state}`],
      element("div", { class: "soft" }, `${when}${one.reason ? ` · ${one.reason}` : ""}`));
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
let stream = null;

function listen() {
  stream = new EventSource("/api/v1/stream");
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

async function today() {
  for (const one of await drawToday(clockApart)) machines.set(one.machine, one);
  schedule();
}

// ---- updates, and pausing them -----------------------------------------------------------------------------------------------------

const PAUSED = "vrijloop-control-paused";
let paused = false;
let wake = []; // steps that wait for the end of the pause

function remembered() {
  try { return sessionStorage.getItem(PAUSED) === "yes"; } catch { return false; }
}

function setPaused(wanted) {
  paused = wanted;
  try { sessionStorage.setItem(PAUSED, paused ? "yes" : ""); } catch { /* Without storage the choice holds for this page. */ }
  const press = byId("pause");
  press.textContent = paused ? press.dataset.resume : press.dataset.pause;
  press.hidden = false;
  byId("paused").hidden = !paused;
  byId("paused").textContent = paused ? text("paused", { time: clock(Date.now() + clockApart) }) : "";
  if (paused) {
    if (stream) stream.close();
    stream = null;
    byId("lost").hidden = true;
    return;
  }
  if (!stream) listen();
  for (const resume of wake.splice(0)) resume();
}

async function steadily(step, seconds) {
  for (let first = true; ; first = false) {
    if (paused && !first) await new Promise((done) => wake.push(done)); // a page that opens paused is drawn once
    try { await step(); if (!paused) byId("lost").hidden = true; }
    catch (error) { if (error instanceof SignedOut) return; byId("lost").hidden = false; console.debug(error); }
    await new Promise((done) => setTimeout(done, seconds * 1000));
  }
}

// What somebody can press is ready before anything is waited for.
const forecast = () => drawForecast(slots, machines.size);
byId("why").addEventListener("submit", explain);
byId("machine").addEventListener("change", () => forecast().catch(() => {}));
byId("pause").addEventListener("click", () => setPaused(!paused));

const answer = await fetch("/api/v1/kill-switch", { cache: "no-store" });
if (answer.headers.get("x-vrijloop-now")) clockApart = Date.parse(answer.headers.get("x-vrijloop-now")) - Date.now();
setPaused(remembered());
proposeStart(Date.now() + clockApart);
await Promise.allSettled([decisions(), today()]); // the forecast shows what is on offer
steadily(decisions, 2);
steadily(today, 30);
steadily(forecast, 20);
steadily(() => drawUsed(clockApart), 300);
if (facts.hasPlatform) steadily(drawCosts, 20);
steadily(drawCalendars, 20);
if (facts.hasPlatform) steadily(drawComparison, 60);
setInterval(() => { if (!paused) showMachines(); }, 10000);
setInterval(() => { if (paused) ask("/api/v1/kill-switch").catch(() => {}); }, 60000); // whether the session is locked by now
