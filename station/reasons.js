// The visitor's text for each reason code (`pixelopolis/reasons.py` lists the codes).

const PART_WORDS = { camera: "reason.camera", detector: "reason.camera", wheels: "reason.wheels" };
const partWords = (values) => PART_WORDS[values?.part] ?? "reason.offline";
const OTHER_CAR = () => "reason.car";
const TRAFFIC = () => "reason.traffic";
const STUCK = () => "reason.stuck";
const OFFLINE = () => "reason.offline";

export const WORDS = {
  part_unheard: partWords,
  part_silent: partWords,
  part_late: partWords,
  part_mistimed: partWords,
  picture_frozen: () => "reason.camera",
  motor_reversed: () => "reason.wheels",
  motors_reversed: () => "reason.wheels",
  motors_swapped: () => "reason.wheels",
  motors_reversed_or_swapped: () => "reason.wheels",
  at_grant_end: TRAFFIC,
  car_ahead: OTHER_CAR,
  follows_car: OTHER_CAR,
  car_ahead_unsure: OTHER_CAR,
  lost: STUCK,
  searching: STUCK,
  off_route: STUCK,
  paused: STUCK,
  edge_held: OTHER_CAR,
  edge_held_by_stopped: OTHER_CAR,
  junction_crossed: OTHER_CAR,
  lets_go_first: OTHER_CAR,
  keeps_room: TRAFFIC,
  makes_way: OTHER_CAR,
  street_closed: TRAFFIC,
  silent: OFFLINE,
  emergency_stop: STUCK,
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
  halted: STUCK,
  parked: STUCK,
  retired: STUCK,
  removed: STUCK,
  goes_home: TRAFFIC,
  goes_to_park: TRAFFIC,
  no_route: STUCK,
  unknown_destination: STUCK,
  drops_orders: STUCK,
  too_long: STUCK,
  in_line: TRAFFIC,
  another_car: TRAFFIC,
  no_car: STUCK,
  visitor_gone: STUCK,
  ended_by_operator: STUCK,
  other: TRAFFIC,
};

/** Returns the text's key for a reason, or null for no reason and for codes of a newer server. */
export const wordsOf = (code, values) => WORDS[code]?.(values) ?? null;
