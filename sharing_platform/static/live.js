// Keeps an open page up to date without moving what somebody reads: what changed is changed in its place, what is no longer free says so, and
// what is new waits for a click. Focus, selection, scroll, the week, the page and what is typed in the filter stay as they are.
(() => {
  "use strict";
  const live = document.querySelector("[data-live]");
  if (!live || !window.EventSource) return;
  const offers = document.getElementById("offers");
  const machines = document.getElementById("machines");
  const show = document.getElementById("news");
  const said = document.getElementById("news-said");
  const pause = document.getElementById("pause");
  const PAUSED = "vrijloop-live-paused";
  let source = null;
  let address = live.dataset.live; // says in which quarter of an hour the page was made, as long as it is that page
  let waiting = null; // a newer list, until somebody asks to see it

  const ids = (root) => [...new Set([...root.querySelectorAll("[data-offer]")].map((one) => one.dataset.offer))];
  const same = (one, other) => one.length === other.length && one.every((value, place) => value === other[place]);

  function inUse(element) {
    const selection = document.getSelection();
    const selected = selection && !selection.isCollapsed && selection.containsNode(element, true);
    return element.contains(document.activeElement) || selected;
  }

  // The search that the page shows, not what has been typed since. An answer that was under way while somebody searched is of the search before.
  async function part(path) {
    const search = location.search;
    const answer = await fetch(path + search, { headers: { Accept: "text/html" } });
    const text = await answer.text();
    if (search !== location.search) return part(path);
    if (!answer.ok) throw new Error(String(answer.status));
    const root = document.createElement("div");
    root.append(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    return root;
  }

  function changeInPlace(root, fresh, key) {
    for (const item of root.querySelectorAll(`[data-${key}]`)) {
      const newer = fresh.querySelector(`[data-${key}="${CSS.escape(item.dataset[key])}"]`);
      if (newer && newer.outerHTML !== item.outerHTML && !inUse(item)) item.replaceWith(newer.cloneNode(true));
    }
  }

  function sayGone(item) {
    if (item.classList.contains("gone")) return;
    item.classList.add("gone");
    const note = document.createElement("p");
    note.className = "gone-said";
    note.textContent = offers.dataset.gone;
    item.append(note);
  }

  // What stands no longer in the list because others came before it is still free.
  function pushedOut(item, fresh) {
    const own = item.closest("[data-result]");
    if (!own) return false;
    const newer = fresh.querySelector(`[data-result="${CSS.escape(own.dataset.result)}"]`);
    if (!newer) return fresh.querySelector(".further") !== null;
    return newer.dataset.until !== undefined && item.dataset.start > newer.dataset.until;
  }

  function tell(count) {
    show.hidden = !count;
    show.textContent = !count ? "" : count === 1 ? show.dataset.one : show.dataset.many.replace("#", count);
    said.textContent = show.textContent;
  }

  function showNewer() {
    const ticked = [...offers.querySelectorAll("[name=with]:checked")].map((one) => one.value);
    offers.replaceChildren(...waiting.childNodes);
    for (const one of offers.querySelectorAll("[name=with]")) one.checked ||= ticked.includes(one.value);
    htmx.process(offers);
    waiting = null;
    tell(0);
  }

  async function refreshOffers() {
    const fresh = await part("/parts/offers");
    const known = ids(offers);
    const now = ids(fresh);
    const added = now.filter((id) => !known.includes(id));
    if (known.length === 0 && added.length && !inUse(offers)) {
      waiting = fresh; // nothing stands there that could move
      showNewer();
      return;
    }
    for (const item of offers.querySelectorAll("[data-offer]"))
      if (!now.includes(item.dataset.offer) && !pushedOut(item, fresh)) sayGone(item);
    changeInPlace(offers, fresh, "offer");
    changeInPlace(offers, fresh, "strip");
    waiting = added.length ? fresh : null;
    tell(added.length);
  }

  async function refreshMachines() {
    const fresh = await part("/parts/machines");
    const names = (root) => [...root.querySelectorAll("[data-machine]")].map((one) => one.dataset.machine);
    if (same(names(machines), names(fresh))) changeInPlace(machines, fresh, "machine");
    else if (!inUse(machines)) machines.replaceChildren(...fresh.childNodes);
  }

  // One refresh at a time, and one more for whatever came meanwhile.
  function inTurn(refresh) {
    let running = false;
    let again = false;
    return async () => {
      if (running) {
        again = true;
        return;
      }
      running = true;
      do {
        again = false;
        try {
          await refresh();
        } catch (error) {
          console.info("This page could not be brought up to date:", error.message);
        }
      } while (again);
      running = false;
    };
  }

  const onOffers = inTurn(refreshOffers);
  const onMachines = inTurn(refreshMachines);

  function open() {
    source = new EventSource(address);
    source.addEventListener("offers", onOffers);
    source.addEventListener("machines", onMachines);
  }

  function close() {
    if (source) source.close();
    source = null;
    address = live.dataset.live.split("?")[0]; // what changes until it is open again is not known
  }

  function setPaused(paused) {
    pause.textContent = paused ? pause.dataset.resume : pause.dataset.pause;
    try {
      sessionStorage.setItem(PAUSED, paused ? "yes" : "");
    } catch {
      // Without storage the choice holds for this page.
    }
    if (paused) close();
    else if (!source) open();
  }

  show.addEventListener("click", () => {
    showNewer();
    const heading = document.getElementById("free-hours");
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true }); // the button is gone, and the keyboard needs a place
  });
  pause.addEventListener("click", () => setPaused(source !== null));
  pause.hidden = false;
  // The filter has shown another list meanwhile.
  offers.addEventListener("htmx:afterSwap", () => {
    waiting = null;
    tell(0);
  });
  // The other languages show the same search.
  document.body.addEventListener("htmx:pushedIntoHistory", () => {
    for (const link of document.querySelectorAll("a.language")) {
      const address = new URL(location.href);
      address.searchParams.set("lang", link.hreflang);
      link.href = address.pathname + address.search;
    }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted && pause.textContent === pause.dataset.pause) open();
  });
  let paused = "";
  try {
    paused = sessionStorage.getItem(PAUSED);
  } catch {
    // As above.
  }
  setPaused(paused === "yes");
})();
