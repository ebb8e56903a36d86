// The week or month of all machines of an organisation: one row for each machine, with free hours, requests and bookings. Times are the region's wall-clock.
(() => {
  "use strict";
  const place = document.querySelector("[data-own-calendar]");
  if (!place) return;
  const machines = [...place.querySelectorAll("[data-id]")].map((one) => ({ id: one.dataset.id, title: one.textContent }));
  const names = Object.fromEntries(machines.map((one) => [one.id, one.title]));
  const grid = place.querySelector(".calendar");
  const { wall, day, items: fetched, lines } = window.calendarFrame;

  async function items({ start, end }) {
    const asked = new URLSearchParams({ start: day(wall(start)), end: day(wall(end)) });
    return (await fetched(`/parts/calendar/own?${asked}`)).flatMap((one, number) => {
      const event = { start: one.start, end: one.end, title: one.title, classNames: [one.kind], resourceIds: [one.machine], extendedProps: { url: one.url, machine: one.machine } };
      if (!one.offer) return [{ ...event, id: `${number}` }];
      const link = { ...event.extendedProps, url: `/offers/${encodeURIComponent(one.offer)}` };
      return [{ ...event, id: `${number}b`, display: "background" }, { ...event, id: `${number}m`, extendedProps: { ...link, beside: true } }];
    });
  }

  // In a row of its own machine an event need not say which; elsewhere it does.
  function content({ event, timeText, view }) {
    if (event.display === "background") return event.title;
    const link = Object.assign(document.createElement("a"), { href: event.extendedProps.url });
    const colon = document.documentElement.lang === "fr" ? "\u00a0: " : ": ";
    return lines(link, view.type.startsWith("resource") ? [event.title] : [timeText, `${names[event.extendedProps.machine] ?? ""}${colon}${event.title}`]);
  }

  place.hidden = false;
  const week = matchMedia("(max-width: 48rem)").matches ? "listWeek" : "resourceTimelineWeek";
  window.calendarFrame.open(grid, place.dataset, {
    view: week,
    views: { resourceTimelineWeek: { slotDuration: "04:00", slotWidth: 42 } },
    headerToolbar: { start: "prev,next today", center: "title", end: `${week},dayGridMonth` },
    noEventsContent: place.dataset.nothing,
    date: place.dataset.today,
    resources: machines,
    slotLabelFormat: { hour: "2-digit", hourCycle: "h23" },
    highlightedDates: [place.dataset.today],
    dayMaxEvents: true,
    eventSources: [{ events: items }],
    eventFilter: ({ event, view }) => event.display === "background" || !event.extendedProps.beside === view.type.startsWith("resource") || !event.extendedProps.beside,
    eventContent: content,
  });
})();
