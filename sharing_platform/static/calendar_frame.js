// What the calendars of pages have in common: how Belgium writes dates, times as a clock on the wall shows them, and what the library says to screen readers.
window.calendarFrame = (() => {
  "use strict";
  const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

  // The calendar calls itself a table or list of days, but its events are no cells or items of one. Who cannot see it has lists, links and fields beside it.
  function plain(grid) {
    for (const one of grid.querySelectorAll(".ec, .ec *"))
      for (const { name, value } of [...one.attributes])
        if (/^aria-(col|row)/.test(name) || (name === "role" && /^(table|cell|row|column|list)/.test(value))) one.removeAttribute(name);
    for (const one of grid.querySelectorAll("h4.ec-day-head")) one.ariaLevel = "3";
    for (const one of grid.querySelectorAll(".ec-main")) one.tabIndex = 0; // it scrolls
  }

  return {
    wall: (date) => date.getTime() - date.getTimezoneOffset() * 60_000,
    text: (moment) => new Date(moment).toISOString().slice(0, 16),
    day: (moment) => new Date(moment).toISOString().slice(0, 10),
    // What an event says, below each other, in an element of ours.
    lines(element, texts) {
      element.className = "said-of";
      for (const textContent of texts) element.append(Object.assign(document.createElement("span"), { textContent }));
      return { domNodes: [element] };
    },
    async items(address) {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      return (await answer.json()).items;
    },
    open(grid, texts, options) {
      const { now, week, days, month, next, prev } = texts;
      const buttons = { today: now, timeGridWeek: week, resourceTimelineWeek: week, listWeek: week, timeGridDay: days, dayGridMonth: month, next, prev };
      const calendar = EventCalendar.create(grid, {
        buttonText: (known) => ({ ...known, ...buttons }),
        locale: texts.locale,
        firstDay: 1,
        allDaySlot: false,
        slotLabelFormat: TIME,
        eventTimeFormat: TIME,
        dayHeaderFormat: { weekday: "short", day: "numeric", month: "numeric" },
        titleFormat: { year: "numeric", month: "long", day: "numeric" },
        lazyFetching: false,
        ...options,
        views: { ...options.views, dayGridMonth: { dayHeaderFormat: { weekday: "short" }, titleFormat: { year: "numeric", month: "long" } } },
      });
      plain(grid);
      new MutationObserver(() => plain(grid)).observe(grid, { childList: true, subtree: true });
      return calendar;
    },
  };
})();
