// The page's state: pure functions from an event to a state, and from a state to a view.
// No sockets, no elements, no clock.

import { failureOf, wordsOf } from "./reasons.js";

/** Seconds without a touch and without news until a page assumes that its visitor has left. */
export const IDLE_S = 90;
/** Seconds for which a call stays on the screen. */
export const CALL_S = 15;

const ACTIVE = new Set(["queued", "booked", "driving", "waiting"]);

export const START = Object.freeze({
  hasLanguage: false,
  link: "connecting", // connecting | up | lost
  destinations: [],
  cars: [],
  chosen: null, // destination id
  asking: false, // a booking request is under way
  cancelling: false,
  booking: null,
  receivedS: 0, // when `booking` arrived
  dismissed: null, // id of the ride that the visitor has closed
  notice: null, // key of a text beside the book button
  calledS: null, // when a car came for a visitor in line, until the visitor has seen it
  toldS: 0, // when the visitor was last told something new
});

export const isActive = (booking) => booking !== null && ACTIVE.has(booking.state);

/** Returns the state after one event; `nowS` is any clock in seconds. */
export function reduce(state, event, nowS) {
  const next = step(state, event, nowS);
  return isNews(state, next) ? { ...next, toldS: nowS } : next;
}

/** Whether the visitor has something new to read: an answer, an end, or that a car is free now. */
const isNews = (before, after) =>
  before.notice !== after.notice ||
  before.booking?.state !== after.booking?.state ||
  (freeCars(before) === 0 && freeCars(after) > 0);

function step(state, event, nowS) {
  switch (event.type) {
    case "language":
      return { ...state, hasLanguage: true };
    case "link":
      return { ...state, link: event.link };
    case "city":
      return { ...state, destinations: event.destinations };
    case "cars":
      return { ...state, cars: event.cars };
    case "choose":
      return { ...state, chosen: event.id, notice: null };
    case "ask":
      return { ...state, asking: true, notice: null };
    case "refused":
      return { ...state, asking: false, notice: refusal(event.code, event.status) };
    case "booking":
      return booked(state, event.booking, nowS);
    case "cancel":
      return { ...state, cancelling: true };
    case "cancel-failed":
      return { ...state, cancelling: false };
    case "gone": // the server does not know our booking
      return isActive(state.booking)
        ? { ...state, booking: { ...state.booking, state: "failed", reason_code: null }, cancelling: false }
        : state;
    case "call-seen":
      return { ...state, calledS: null };
    case "next":
      return left(state);
    case "home":
      return { ...left(state), hasLanguage: false };
    default:
      return state;
  }
}

function booked(state, booking, nowS) {
  if (booking.id === state.dismissed) return state;
  const isOurs = state.booking?.id === booking.id;
  if (!isOurs && !isActive(booking)) return state;
  // responses and events may overtake each other: an ended ride stays ended
  if (isOurs && !isActive(state.booking) && isActive(booking)) return state;
  const next = { ...state, booking, receivedS: nowS, asking: false, notice: null };
  if (isActive(booking)) {
    const isCalled = isOurs && state.booking.state === "queued" && booking.state !== "queued";
    const calledS = isCalled ? nowS : next.calledS;
    return { ...next, hasLanguage: true, chosen: booking.destination_id, calledS };
  }
  if (booking.state === "cancelled" && state.cancelling) {
    return { ...left(next), notice: "notice.cancelled" };
  }
  return { ...next, cancelling: false, calledS: null };
}

function left(state) {
  return {
    ...state,
    booking: null,
    chosen: null,
    notice: null,
    cancelling: false,
    calledS: null,
    dismissed: state.booking?.id ?? state.dismissed,
  };
}

const isFree = (car) => car.online && (car.state === "ready" || car.state === "idle");

const freeCars = (state) => state.cars.filter(isFree).length;

/**
 * Whether nobody seems to be there any more. Who rides, waits in line or has just asked is there,
 * touch or not.
 */
export function isAbsent(state, nowS, touchedS) {
  if (screenOf(state) === "welcome" || isActive(state.booking) || state.asking) return false;
  return nowS - Math.max(touchedS, state.toldS) > IDLE_S;
}

const REFUSALS = {
  no_route: "notice.no-way",
  unreachable: "notice.unreachable",
};

/** Returns why no car was called. */
const refusal = (code, status) =>
  REFUSALS[code] ?? (status >= 500 ? "notice.unreachable" : "notice.refused");

/** Returns the seconds until arrival, or null. */
export const remainingS = (state, nowS) => countdownS(state.booking?.eta_s, state, nowS);

/** Returns what is left of `seconds`, which came with the booking, or null. */
function countdownS(seconds, state, nowS) {
  return seconds === null || seconds === undefined
    ? null
    : Math.max(0, seconds - (nowS - state.receivedS));
}

export function screenOf(state) {
  if (state.booking) return isActive(state.booking) ? "ride" : "end";
  return state.hasLanguage ? "choose" : "welcome";
}

/** Returns the view; texts are keys, so that it does not depend on the language. */
export function view(state, nowS) {
  const screen = screenOf(state);
  const { booking } = state;
  const car = (booking && state.cars.find((each) => each.id === booking.car_id)) ?? null;
  const why = booking ? reasonOf(booking, car, state.cars) : null;
  return {
    screen,
    status: booking?.state ?? null,
    title: booking ? `status.${booking.state}` : null,
    reason: why?.key ?? null,
    reasonCar: why?.car ?? null,
    remainingS: booking?.state === "driving" ? remainingS(state, nowS) : null,
    placeInLine: booking?.place_in_line ?? null,
    waitS: countdownS(booking?.expected_wait_s, state, nowS),
    destination: state.destinations.find((each) => each.id === state.chosen) ?? null,
    canBook: state.chosen !== null && !state.asking && state.link === "up",
    canCancel: isActive(booking) && !state.cancelling,
    asking: state.asking,
    cancelling: state.cancelling,
    notice: state.notice,
    isLost: state.link === "lost",
    freeCars: freeCars(state),
    carsKnown: state.cars.length > 0,
    videoUrl: isActive(booking) ? booking.video_url : null,
    path: screen === "ride" ? booking.path_m : null,
    carId: screen === "ride" ? booking.car_id : null,
    car,
    isCalled: state.calledS !== null && nowS - state.calledS < CALL_S,
  };
}

/** Returns the text why the car stands or the ride ended, `{ key, car }`, or null. */
function reasonOf(booking, car, cars) {
  if (booking.state === "failed") return { key: failureOf(booking.reason_code) };
  if (!isActive(booking)) return null;
  if (car && car.online === false) return { key: "reason.offline" };
  const known = wordsOf(booking.reason_code, booking.reason_values, cars);
  if (booking.state === "waiting") return known ?? { key: "reason.traffic" };
  if (booking.state === "queued") return booking.reason_code === "another_car" ? known : null;
  return booking.state === "booked" ? known : null;
}
