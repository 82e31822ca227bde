// The page's state: pure functions from an event to a state, and from a state to a view.
// No sockets, no elements, no clock.

import { wordsOf } from "./reasons.js";

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
});

export const isActive = (booking) => booking !== null && ACTIVE.has(booking.state);

/** Returns the state after one event; `nowS` is any clock in seconds. */
export function reduce(state, event, nowS) {
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
  if (isActive(booking)) return { ...next, hasLanguage: true, chosen: booking.destination_id };
  if (booking.state === "cancelled" && state.cancelling) {
    return { ...left(next), notice: "notice.cancelled" };
  }
  return { ...next, cancelling: false };
}

function left(state) {
  return {
    ...state,
    booking: null,
    chosen: null,
    notice: null,
    cancelling: false,
    dismissed: state.booking?.id ?? state.dismissed,
  };
}

const isFree = (car) => car.online && (car.state === "ready" || car.state === "idle");

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
  const car = booking && state.cars.find((each) => each.id === booking.car_id);
  return {
    screen,
    status: booking?.state ?? null,
    title: booking ? `status.${booking.state}` : null,
    reason: booking ? reasonOf(booking, car) : null,
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
    freeCars: state.cars.filter(isFree).length,
    carsKnown: state.cars.length > 0,
    videoUrl: isActive(booking) ? booking.video_url : null,
    path: screen === "ride" ? booking.path_m : null,
    carId: screen === "ride" ? booking.car_id : null,
  };
}

/** Returns the key of the text why the car stands or the ride ended, or null. */
function reasonOf(booking, car) {
  if (booking.state === "failed") return "failure.unknown";
  if (!isActive(booking)) return null;
  if (car && car.online === false) return "reason.offline";
  const known = wordsOf(booking.reason_code, booking.reason_values);
  if (booking.state === "waiting") return known ?? "reason.traffic";
  return booking.state === "booked" ? known : null;
}
