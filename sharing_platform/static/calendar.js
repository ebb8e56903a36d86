// A machine's week or month. Somebody drags over free hours, or moves a choice with the arrow keys; the server says what is free then, how surely and at what
// price, as it does without a calendar. Times are the region's wall-clock: the calendar takes them as they come, whatever zone the browser is in.
(() => {
  "use strict";
  const place = document.querySelector("[data-calendar]");
  if (!place) return;
  const texts = place.dataset;
  const panel = document.getElementById("chosen");
  const grid = place.querySelector(".calendar");
  const STEP = 30 * 60_000;
  const AT_FIRST = 4 * 60 * 60_000;
  const CHOSEN = "chosen";
  let free = []; // {start, end, offer}, in order: what of the shown days can be booked
  let chosen = null;
  let asked = 0; // how many choices the server was asked about

  const clock = (text) => new Date(`${text}Z`).getTime();
  const { wall, text, day, items: fetched, lines } = window.calendarFrame;
  const holding = (start, end) => free.find((one) => one.start <= start && end <= one.end);

  async function items({ start, end }) {
    const asked = new URLSearchParams({ machine: place.dataset.calendar, start: day(wall(start)), end: day(wall(end)) });
    const found = await fetched(`/parts/calendar?${asked}`);
    free = found.filter((one) => one.offer).map((one) => ({ start: clock(one.start), end: clock(one.end), offer: one.offer }));
    // Over what stands in the background somebody can drag; a month shows only what does not.
    const shown = found.flatMap((one, number) => {
      const event = { start: one.start, end: one.end, title: one.title, classNames: [one.kind], extendedProps: { url: one.url, offer: one.offer } };
      if (!one.offer) return [{ ...event, id: `${number}` }];
      return [{ ...event, id: `${number}b`, display: "background" }, { ...event, id: `${number}m`, extendedProps: { ...event.extendedProps, ofMonth: true } }];
    });
    return chosen ? [...shown, choice()] : shown;
  }

  const choice = () => ({ id: CHOSEN, start: text(chosen.start), end: text(chosen.end), title: texts.chosen, classNames: [CHOSEN] });

  function mark() {
    calendar.removeEventById(CHOSEN);
    if (chosen) calendar.addEvent(choice());
  }

  // What the server makes of a choice: the nearest that can be booked. Answers may come in another order than questions: only the newest counts.
  async function choose(offer, fields) {
    const question = ++asked;
    const answer = await fetch(`/offers/${encodeURIComponent(offer)}/choice?${new URLSearchParams({ ...fields, goes_on: "1" })}`);
    const said = answer.ok ? await answer.text() : "";
    if (question !== asked) return;
    if (!answer.ok) {
      chosen = null;
      mark();
      panel.hidden = true;
      calendar.refetchEvents(); // the hours are gone
      return;
    }
    const fresh = new DOMParser().parseFromString(said, "text/html");
    const focus = document.activeElement && panel.contains(document.activeElement) ? document.activeElement.id : "";
    for (const id of ["choice", "ask"]) document.getElementById(id).replaceWith(fresh.getElementById(id));
    if (focus) document.getElementById(focus)?.focus();
    panel.action = `/offers/${encodeURIComponent(offer)}`;
    panel.dataset.offer = offer;
    panel.hidden = false;
    place.querySelector(".calendar-hint").hidden = true;
    const made = document.getElementById("choice").dataset;
    chosen = { offer, start: clock(made.start), end: clock(made.end) };
    mark();
  }

  const chooseSpan = (offer, start, end) => choose(offer, { start: text(start), hours: (end - start) / 3_600_000 });

  // Whether a choice lies in the days that are shown; `free` knows of no others.
  function shows({ start }) {
    const { currentStart, currentEnd } = calendar.getView();
    return wall(currentStart) <= start && start < wall(currentEnd);
  }

  // The nearest choice in a direction: a step along the clock or, where nothing is free, the next hours that are.
  function move(step, longer) {
    if (!free.length) return;
    if (!chosen || !shows(chosen)) {
      const first = free.find((one) => one.start >= wall(calendar.getView().currentStart)) ?? free[0];
      chooseSpan(first.offer, first.start, Math.min(first.end, first.start + AT_FIRST));
      return;
    }
    const length = Math.max(STEP, chosen.end - chosen.start + longer);
    const start = chosen.start + step;
    const inside = holding(start, start + length);
    if (inside) return void chooseSpan(inside.offer, start, start + length);
    if (!step) return;
    const next = step > 0 ? free.find((one) => one.start > chosen.start) : free.findLast((one) => one.start < chosen.start && one.end < chosen.end);
    if (!next) return;
    const from = step > 0 ? next.start : Math.max(next.start, next.end - length);
    chooseSpan(next.offer, from, Math.min(next.end, from + length));
  }

  // Bookings are links, free hours of a month buttons: the calendar's own elements would be neither for who cannot see them.
  function content({ event, timeText }) {
    const { url, offer } = event.extendedProps;
    if (event.display === "background") return event.title;
    const inner = document.createElement(url ? "a" : offer ? "button" : "span");
    if (url) inner.href = url;
    else if (offer) {
      inner.type = "button";
      inner.addEventListener("click", () => chooseSpan(offer, wall(event.start), Math.min(wall(event.end), wall(event.start) + AT_FIRST)));
    }
    return lines(inner, [timeText, event.title]);
  }

  const KEYS = {
    ArrowDown: [STEP, 0], ArrowUp: [-STEP, 0], ArrowRight: [48 * STEP, 0], ArrowLeft: [-48 * STEP, 0],
    "Shift+ArrowDown": [0, STEP], "Shift+ArrowUp": [0, -STEP],
  };
  grid.addEventListener("keydown", (event) => {
    if (event.target !== grid) return;
    const key = KEYS[`${event.shiftKey ? "Shift+" : ""}${event.key}`];
    if (key) {
      event.preventDefault();
      move(...key);
    } else if (event.key === "PageDown" || event.key === "PageUp") {
      event.preventDefault();
      if (event.key === "PageDown") calendar.next();
      else calendar.prev();
    } else if (event.key === "Enter" && chosen) {
      panel.querySelector("select, button").focus();
    }
  });

  panel.addEventListener("change", () => choose(panel.dataset.offer, Object.fromEntries(new FormData(panel))));

  place.hidden = false;
  const phone = matchMedia("(max-width: 48rem)").matches;
  const week = phone ? "timeGridDay" : "timeGridWeek";
  const calendar = window.calendarFrame.open(grid, texts, {
    view: week,
    views: { timeGridDay: { duration: { days: 3 }, dateIncrement: { days: 3 } } },
    headerToolbar: { start: "prev,next today", center: "title", end: `${week},dayGridMonth` },
    date: place.dataset.first,
    height: phone ? "30rem" : "36rem",
    slotDuration: "01:00",
    slotHeight: 32,
    snapDuration: "00:30",
    scrollTime: place.dataset.scroll,
    highlightedDates: [place.dataset.today],
    eventSources: [{ events: items }],
    eventFilter: ({ event, view }) => event.display === "background" || !event.extendedProps.ofMonth === view.type.startsWith("timeGrid") || event.id === CHOSEN,
    eventContent: content,
    selectable: true,
    selectLongPressDelay: 350,
    selectConstraint: ({ start, end, allDay }) => !allDay && Boolean(holding(wall(start), wall(end))),
    select: ({ start, end, allDay }) => {
      const inside = holding(wall(start), wall(end));
      if (!allDay && inside) chooseSpan(inside.offer, wall(start), wall(end));
      calendar.unselect();
    },
    // A click chooses four hours from there on, or what is left of them.
    dateClick: ({ date, allDay }) => {
      const inside = free.find((one) => (allDay ? day(one.start) >= day(wall(date)) : one.start <= wall(date) && wall(date) < one.end));
      if (!inside) return;
      const start = allDay ? inside.start : wall(date);
      chooseSpan(inside.offer, start, Math.min(inside.end, start + AT_FIRST));
    },
  });
})();
