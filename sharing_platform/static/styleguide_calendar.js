// The calendar of the styleguide: a week as pages draw it, with one of everything that can stand in it.
(() => {
  "use strict";
  const place = document.querySelector("[data-sample-calendar]");
  if (!place) return;
  const events = [...place.querySelectorAll("[data-start]")].map(({ dataset, textContent }) => ({ start: dataset.start, end: dataset.end, title: textContent, classNames: [dataset.kind], display: dataset.kind === "free" ? "background" : "auto" }));

  const { open, lines } = window.calendarFrame;
  const content = ({ event, timeText }) => (event.display === "background" ? event.title : lines(document.createElement("span"), [timeText, event.title]));

  place.hidden = false;
  open(place.querySelector(".calendar"), place.dataset, {
    view: matchMedia("(max-width: 48rem)").matches ? "timeGridDay" : "timeGridWeek",
    views: { timeGridDay: { duration: { days: 3 }, dateIncrement: { days: 3 } } },
    headerToolbar: { start: "prev,next today", center: "title", end: "timeGridWeek,dayGridMonth" },
    date: events[0].start.slice(0, 10),
    height: "30rem",
    slotDuration: "01:00",
    slotHeight: 32,
    scrollTime: "08:00",
    eventContent: content,
    events,
  });
})();
