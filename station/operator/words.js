// What the operator reads about a car and the town. Pure: no document, no clock.

/**
 * @typedef {object} Car as `GET /api/operator/cars` has it
 * @property {string} id
 * @property {string} color
 * @property {string} color_rgb
 * @property {number | null} x_m
 * @property {number | null} y_m
 * @property {number | null} heading_rad
 * @property {boolean} online
 * @property {string} state
 * @property {string} reason
 * @property {string} duty
 * @property {boolean} is_paused
 * @property {boolean} is_stopped
 * @property {number | null} battery_pct
 * @property {number | null} speed_mps
 * @property {number | null} report_age_s
 */

/** @typedef {{ car_id: string | null, waits_s: number | null, waits_for: string[], reason: string }} Wait */

/** A car reports every 0.5 s, and the server counts it as silent after 3 s. */
export const STALE_S = 3;

/**
 * Returns the age of what a car says, null if it is not connected.
 * @param {Car} car
 * @param {number} sinceS since the server's answer
 */
export const ageS = (car, sinceS) => (car.report_age_s === null ? null : car.report_age_s + sinceS);

/**
 * @param {Car} car
 * @param {number} sinceS
 */
export function isStale(car, sinceS) {
  const age = ageS(car, sinceS);
  return age === null || age > STALE_S;
}

/**
 * @param {number | null} value
 * @param {number} digits
 * @param {string} unit
 */
const measure = (value, digits, unit) =>
  value === null ? "not known" : `${value.toFixed(digits)} ${unit}`;

/**
 * Returns the texts of a car's card.
 * @param {Car} car
 * @param {Wait | undefined} wait what it waits for
 * @param {number} sinceS
 */
export function cardOf(car, wait, sinceS) {
  const age = ageS(car, sinceS);
  const told = car.is_stopped ? "emergency stop" : car.is_paused ? "told to stand" : "";
  const duty = car.duty === "service" ? "" : car.duty;
  const held = wait?.waits_for.length ? ` (${wait.waits_for.join(", ")})` : "";
  const long = wait && wait.waits_s !== null ? ` for ${Math.round(wait.waits_s)} s` : "";
  return {
    state: [car.state, told, duty].filter((each, i, all) => each && all.indexOf(each) === i).join(", "),
    why: wait ? `Waits${long}: ${wait.reason}${held}` : car.reason,
    battery: measure(car.battery_pct, 0, "%"),
    speed: measure(car.speed_mps, 2, "m/s"),
    age: age === null ? "not connected" : `${Math.round(age)} s ago`,
  };
}

/**
 * Returns who has confirmed the stop of all; old words of a car confirm nothing.
 * @param {Car[]} cars
 * @param {number} sinceS
 */
export function readBack(cars, sinceS) {
  const confirms = (/** @type {Car} */ car) => car.is_stopped && !isStale(car, sinceS);
  return {
    confirmed: cars.filter(confirms).map((car) => car.id),
    missing: cars.filter((car) => !confirms(car) && car.duty !== "removed").map((car) => car.id),
  };
}

/** @param {number} seconds since the epoch */
export const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
