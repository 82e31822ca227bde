// Draws what is known into the page. Controls stay the same elements, so that they keep the focus.

import { cardOf, clock, isStale } from "./words.js";

/** @typedef {import("./words.js").Car} Car */
/** @typedef {import("./words.js").Wait} Wait */

/**
 * Returns the page's element with an id.
 * @param {string} id
 * @returns {any}
 */
export const $ = (id) => document.getElementById(id);

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/**
 * @param {Element | null} element
 * @param {string} text
 */
export function say(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

const FACTS = [
  ["battery", "Battery"],
  ["speed", "Speed"],
  ["age", "Heard"],
];
const COMMANDS = [
  ["pause", "Pause", "quiet"],
  ["stop", "Emergency stop", "quiet urgent"],
  ["resume", "Resume", "quiet"],
];

/**
 * @param {Car} car
 * @param {((car: string, word: string) => void) | null} tell null for who may only look
 */
function makeCard(car, tell) {
  const facts = FACTS.map(([key, name]) =>
    make("div", {}, make("dt", {}, name), make("dd", { "data-fact": key })),
  );
  const dot = make("span", { class: "dot", "aria-hidden": "true" });
  dot.style.background = car.color_rgb;
  const card = make(
    "li",
    { class: "box car", "data-car": car.id },
    make("h3", {}, dot, `${car.id} (${car.color})`),
    make("p", { class: "state", "data-fact": "state" }),
    make("p", { class: "why", "data-fact": "why" }),
    make("dl", {}, ...facts),
  );
  if (!tell) return card;
  const buttons = COMMANDS.map(([word, name, kind]) => {
    const label = `${name} ${car.id}`;
    const button = make(
      "button",
      { class: kind, type: "button", "data-word": word, "aria-label": label },
      name,
    );
    button.addEventListener("click", () => tell(car.id, word));
    return button;
  });
  card.append(make("div", { class: "commands" }, ...buttons));
  return card;
}

/**
 * @param {Car[]} cars
 * @param {Wait[]} waits
 * @param {number} sinceS since the server's answer
 * @param {((car: string, word: string) => void) | null} tell
 */
export function drawCars(cars, waits, sinceS, tell) {
  const list = $("cars");
  const known = new Map([...list.children].map((card) => [card.dataset.car, card]));
  for (const car of cars) {
    let card = known.get(car.id);
    known.delete(car.id);
    if (!card) list.append((card = makeCard(car, tell)));
    const texts = cardOf(car, waits.find((wait) => wait.car_id === car.id), sinceS);
    for (const [key, text] of Object.entries(texts)) {
      say(card.querySelector(`[data-fact="${key}"]`), text);
    }
    card.classList.toggle("stale", isStale(car, sinceS));
  }
  for (const gone of known.values()) gone.remove();
}

/**
 * @param {string} id of the table's body
 * @param {string[][]} rows
 * @param {string} nothing what to say if there are none
 */
function drawRows(id, rows, nothing) {
  const body = $(id);
  const text = JSON.stringify(rows);
  if (body.dataset.shown === text) return;
  body.dataset.shown = text;
  const cells = (/** @type {string[]} */ row) => row.map((each) => make("td", {}, each));
  const none = make("tr", {}, make("td", { colspan: "5" }, nothing));
  body.replaceChildren(...(rows.length ? rows.map((row) => make("tr", {}, ...cells(row))) : [none]));
}

/** @param {any[]} bookings */
export function drawBookings(bookings) {
  const line = (/** @type {any} */ each) =>
    each.place_in_line === null ? each.state : `${each.state}, number ${each.place_in_line} in line`;
  drawRows(
    "bookings",
    bookings.map((each) => [
      clock(each.created_s),
      each.destination_id,
      line(each),
      each.car_id ?? "–",
      each.reason,
    ]),
    "Nobody has booked a ride yet.",
  );
}

/** @param {any[]} entries */
export function drawAudit(entries) {
  drawRows(
    "audit",
    entries.map((each) => [
      clock(each.at_s),
      each.operator,
      each.action,
      each.target === "*" ? "all cars" : each.target,
      each.details ? `${each.outcome}: ${each.details}` : each.outcome,
    ]),
    "Nothing yet.",
  );
}
