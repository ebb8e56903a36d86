// Requests to the server, and elements that change in their place.

import { text } from "./words.js";

export const byId = (id) => document.getElementById(id);

export class SignedOut extends Error {}

// What an open page asks by itself keeps no session open, so it says when somebody was there.
let touched = true;
for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, () => { touched = true; }, { passive: true });

const SAID = { 404: "error_gone", 422: "error_hours", 503: "error_later" };

export async function ask(path, method = "GET", body = undefined) {
  let answer;
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  if (touched) headers["X-Vrijloop-In-Use"] = "1";
  touched = false;
  try {
    answer = await fetch(path, {
      method, headers,
      body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store",
    });
  } catch {
    throw new Error(text("error_network"));
  }
  if (answer.status === 401) { location.reload(); throw new SignedOut(); }
  if (!answer.ok) throw new Error(text(SAID[answer.status] || "error_other", { status: answer.status }));
  return answer.status === 204 ? null : answer.json();
}

// Answers may come in another order than questions, and what an older one brings is not drawn over a newer one. Called for each question; what it returns
// says whether no other has been asked since.
export function questions() {
  let asked = 0;
  return () => {
    const own = ++asked;
    return () => own === asked;
  };
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((one) => one !== null));
  return made;
}

export function fail(error) {
  if (error instanceof SignedOut) return;
  byId("failed").textContent = text("failed", { why: error.message });
  byId("failed").hidden = false;
}

// A click while the last one is still at work does nothing. The button is not disabled, because it would lose the focus.
export function onClick(button, act) {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    byId("failed").hidden = true;
    try { await act(); } catch (error) { fail(error); } finally { button.removeAttribute("aria-disabled"); }
  });
}

// `act` tells a button from the others of the same item, so that the focus finds it again when the item is drawn anew.
export function button(words, kind, act, run) {
  const made = element("button", { type: "button", class: kind, "data-act": act }, words);
  onClick(made, run);
  return made;
}

function isSelected(item) {
  const selection = document.getSelection();
  return selection && !selection.isCollapsed && selection.containsNode(item, true);
}

// Draws a list: an item that has not changed stays the same element, so that focus, selection and a press that has begun are kept. What somebody has
// selected is left as it is until it no longer is.
export function draw(id, values, keyOf, make, empty) {
  const list = byId(id);
  const before = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const place = focused ? [...list.children].findIndex((item) => item.contains(focused)) : -1;
  const focusedKey = focused && list.children[place].dataset.key;
  const items = values.map((value) => {
    const key = String(keyOf(value)), look = JSON.stringify(value), known = before.get(key);
    if (known && (known.look === look || isSelected(known))) return known;
    const item = make(value);
    item.dataset.key = key;
    item.look = look;
    return item;
  });
  if (!items.length && empty) {
    const item = before.get("") || element("li", { class: "soft", "data-key": "" }, empty);
    items.push(item);
  }
  const kept = new Set(items);
  for (const item of [...list.children]) if (!kept.has(item)) item.remove();
  items.forEach((item, index) => { if (list.children[index] !== item) list.insertBefore(item, list.children[index] || null); });
  if (focused && !list.contains(document.activeElement)) focusAgain(list, focusedKey, place, focused.dataset.act);
}

// The same button of the same item; else of the one that took its place; else the heading, so that the keyboard has a place.
function focusAgain(list, key, place, act) {
  const same = list.querySelector(`[data-key="${CSS.escape(key)}"]`);
  const item = same || list.children[Math.min(place, list.children.length - 1)];
  const found = item && (item.querySelector(`[data-act="${CSS.escape(act || "")}"]`) || item.querySelector("button, summary"));
  if (found) { found.focus({ preventScroll: true }); return; }
  const heading = list.closest("section").querySelector("h2");
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}
