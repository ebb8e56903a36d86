// The comparison with other factories: what will leave, to the letter, and where the factory stands.

import { ask, byId, button, draw, element } from "./page.js";
import { moment, percent, text, words } from "./words.js";

const points = (value) => (value === null ? "–" : percent(value / 100));

export async function drawComparison() {
  const found = await ask("/api/v1/comparison"), waiting = found.contributions.filter((one) => one.state === "waiting");
  byId("comparison-box").hidden = !found.takes_part;
  byId("comparison-refused").hidden = !found.refused;
  const name = (one) => `${one.month}, ${words[`din_${one.process_class}`]}`;
  draw("comparison-waiting", waiting, (one) => `${one.month}/${one.process_class}`, (one) => element("li", {},
    element("p", {}, text("comparison_sent_on", { what: name(one), moment: moment(one.send_at) })),
    element("pre", { tabindex: "0", "aria-label": name(one) }, one.body),
    button(words.comparison_withhold, "quiet", "withhold", async () => {
      await ask(`/api/v1/comparison/${one.month}/${one.process_class}/withhold`, "POST");
      await drawComparison();
    })), words.comparison_none_waiting);
  const rows = found.classes.flatMap((one) => one.figures.map((figure) => ({ ...figure, process: one.process_class })));
  byId("comparison-scrolls").hidden = !rows.length;
  draw("comparison", rows, (row) => `${row.process}/${row.figure}`, (row) => element("tr", {},
    element("th", { scope: "row" }, `${words[`figure_${row.figure}`] || row.figure} (${words[`din_${row.process}`]})`),
    element("td", {}, points(row.own)), element("td", {}, points(row.lower)), element("td", {}, points(row.median)), element("td", {}, points(row.upper)),
    element("td", {}, row.within === null ? words.comparison_too_few : `± ${row.within}`)));
}
