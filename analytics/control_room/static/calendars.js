// Calendars of planned work: how much each plans, and which events do not count as they stand.

import { ask, byId, draw, element } from "./page.js";
import { language, moment, semicolon, text, words } from "./words.js";

const skipped = (one) => [`${one.count}\u00a0× ${one.text}`, one.first ? text("calendar_first", { moment: moment(one.first) }) : "", one.blocks ? words.calendar_blocks : ""]
  .filter(Boolean).join(semicolon);

const problem = (one) => one.problem_text === null ? null : element("p", { class: "problem" },
  `${one.problem_text} ${one.copied_at ? text("calendar_copy", { moment: moment(one.copied_at) }) : words.calendar_no_copy}`);

export async function drawCalendars() {
  const { calendars } = await ask(`/api/v1/calendars?lang=${language}`);
  byId("calendars-box").hidden = !calendars.length;
  draw("calendars", calendars.map((one, index) => ({ ...one, index })), (one) => one.index, (one) => element("li", {},
    element("div", {}, element("b", {}, one.machines.join(", ") || words.calendar_all_machines), ` ${one.source}`),
    element("p", { class: "soft" }, text("calendar_periods", { count: one.periods })), problem(one),
    one.skipped.length ? element("ul", { class: "conditions" }, ...one.skipped.map((reason) => element("li", {}, skipped(reason)))) : null));
}
