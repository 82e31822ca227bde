// What the car sees and thinks, made calm enough to read. Pure: no elements, no clock.
//
// Every picture of a car's live view comes with a thought:
//   seen  [{ sign, box: [left, top, right, bottom], ahead }]  detections; "Car" is another car
//   lane  [[x, y], ...] or []   where the lane model sees the lane, as wide as it is unsure
//   way   [[x, y], ...] or []   where the car steers, while it drives
//   spread_m  number or null    how unsure the lane model is
//   read  { sign, age_s } or null   the sign that last told the car where it is
// Boxes and points are parts (0 to 1) of the picture's width and height.

/** For so long a thing counts as seen after the last picture with it. */
export const HOLD_S = 1.5;
/** For so long a read sign is told. */
export const READ_S = 8;
/** A lane model that is wider off than this is not sure of its lane, which is 0.28 m wide. */
export const UNSURE_M = 0.05;
const MOST = 4;

export const NO_THOUGHTS = Object.freeze({ seen: [], read: null, readS: 0, unsureS: -Infinity });

/** Returns what is in mind after one more thought; `nowS` is any clock in seconds. */
export function reflect(mind, thought, nowS) {
  const signs = new Set((thought.seen ?? []).map((each) => each.sign));
  const kept = mind.seen.filter((each) => !signs.has(each.sign) && nowS - each.atS < HOLD_S);
  const known = new Map(mind.seen.map((each) => [each.sign, each.sinceS]));
  const now = [...signs].map((sign) => ({ sign, atS: nowS, sinceS: known.get(sign) ?? nowS }));
  const seen = [...kept, ...now].sort((a, b) => a.sinceS - b.sinceS);
  const { read } = thought;
  return {
    seen,
    read: read?.sign ?? mind.read,
    readS: read ? nowS - read.age_s : mind.readS,
    unsureS: thought.spread_m > UNSURE_M ? nowS : mind.unsureS,
  };
}

/** Returns what to tell: the newest things seen, the sign just read, and whether it is unsure. */
export function told(mind, nowS) {
  return {
    things: mind.seen.filter((each) => nowS - each.atS < HOLD_S).slice(-MOST).map((each) => each.sign),
    read: mind.read && nowS - mind.readS < READ_S ? mind.read : null,
    unsure: nowS - mind.unsureS < HOLD_S,
  };
}

/** Returns the thought in the head of a part of the stream, or null. */
export function thoughtIn(head) {
  const text = /^thought:\s*(.*?)\s*$/im.exec(head)?.[1];
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null; // a newer car: the picture is shown without
  }
}
