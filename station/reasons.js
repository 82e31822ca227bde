// The visitor's text for each reason code (`pixelopolis/reasons.py` lists the codes).
//
// Each code has a function from its values to `{ key, car }`: the text's key, and the id of the car
// that the text names, if it names one.

const say = (key) => () => ({ key });
const part = (values) => ({ key: PARTS[values?.part] ?? "reason.offline" });
const PARTS = { camera: "reason.camera", detector: "reason.camera", wheels: "reason.wheels" };

/** About another car: the first that the values name. */
const other = (key) => (values) => ({ key, car: (values?.car ?? values?.cars)?.split(", ")[0] });

const TRAFFIC = say("reason.traffic");
const STUCK = say("reason.stuck");
const OFFLINE = say("reason.offline");
const WHEELS = say("reason.wheels");
const AHEAD = say("reason.ahead");
const LOST = say("reason.lost");
const PAUSED = say("reason.paused");

export const WORDS = {
  part_unheard: part,
  part_silent: part,
  part_late: part,
  part_mistimed: part,
  picture_frozen: say("reason.camera"),
  motor_reversed: WHEELS,
  motors_reversed: WHEELS,
  motors_swapped: WHEELS,
  motors_reversed_or_swapped: WHEELS,
  at_grant_end: TRAFFIC,
  car_ahead: AHEAD,
  follows_car: AHEAD,
  car_ahead_unsure: AHEAD,
  lost: LOST,
  searching: LOST,
  off_route: LOST,
  paused: PAUSED,
  edge_held: other("reason.street"),
  edge_held_by_stopped: other("reason.street"),
  junction_crossed: other("reason.crossing"),
  lets_go_first: other("reason.first"),
  keeps_room: say("reason.room"),
  makes_way: other("reason.first"),
  street_closed: say("reason.closed"),
  silent: OFFLINE,
  emergency_stop: say("reason.emergency"),
  not_automatic: STUCK,
  broken: STUCK,
  not_connected: OFFLINE,
  gone: OFFLINE,
  foreign_order: STUCK,
  beyond_order: STUCK,
  no_sense: STUCK,
  order_refused: STUCK,
  stuck: STUCK,
  place_unstated: STUCK,
  edge_taken: STUCK,
  ended_elsewhere: STUCK,
  other_map: STUCK,
  message_refused: STUCK,
  not_taken: STUCK,
  halted: PAUSED,
  parked: PAUSED,
  retired: PAUSED,
  removed: STUCK,
  goes_home: TRAFFIC,
  goes_to_park: TRAFFIC,
  no_route: STUCK,
  unknown_destination: STUCK,
  drops_orders: STUCK,
  too_long: STUCK,
  in_line: TRAFFIC,
  another_car: say("reason.another"),
  no_car: STUCK,
  visitor_gone: STUCK,
  ended_by_operator: STUCK,
  other: TRAFFIC,
};

const FAILURES = {
  no_car: "failure.no-car",
  visitor_gone: "failure.away",
  no_route: "failure.no-way",
  unknown_destination: "failure.no-way",
  ended_by_operator: "failure.staff",
};

/**
 * Returns what to say about a reason: `{ key, car }`, where `car` is the car that the text names.
 * Null for no reason and for codes of a newer server.
 * @param {string | null} code
 * @param {Record<string, any>} values
 * @param {{ id: string, color?: string }[]} cars all cars that the page knows
 */
export function wordsOf(code, values, cars = []) {
  const said = WORDS[code]?.(values);
  if (!said) return null;
  if (!("car" in said)) return said;
  const car = cars.find((each) => each.id === said.car && each.color);
  return car ? { key: said.key, car } : { key: "reason.car" };
}

/** Returns the key of the text why a ride failed. */
export const failureOf = (code) => FAILURES[code] ?? "failure.unknown";
