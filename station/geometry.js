// Plane geometry for the map: polylines of [x_m, y_m] in the world's frame (x east, y north).

/** Returns the polyline offset by `left_m` to its left. */
export function offset(points, left_m) {
  return points.map(([x, y], i) => {
    const [ax, ay] = points[Math.max(0, i - 1)];
    const [bx, by] = points[Math.min(points.length - 1, i + 1)];
    const length = Math.hypot(bx - ax, by - ay) || 1;
    return [x - ((by - ay) / length) * left_m, y + ((bx - ax) / length) * left_m];
  });
}

/** Returns the distances of all points from the start. */
function arcLengths(points) {
  const lengths = [0];
  for (let i = 1; i < points.length; i++) {
    const [dx, dy] = [points[i][0] - points[i - 1][0], points[i][1] - points[i - 1][1]];
    lengths.push(lengths[i - 1] + Math.hypot(dx, dy));
  }
  return lengths;
}

/** Returns the nearest point on a polyline: its distance along, and the lateral distance. */
export function project(points, [x, y]) {
  const lengths = arcLengths(points);
  let best = { along_m: 0, beside_m: Infinity };
  for (let i = 1; i < points.length; i++) {
    const [ax, ay] = points[i - 1];
    const [dx, dy] = [points[i][0] - ax, points[i][1] - ay];
    const square = dx * dx + dy * dy || 1;
    const part = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / square));
    const beside_m = Math.hypot(x - ax - part * dx, y - ay - part * dy);
    if (beside_m < best.beside_m) {
      best = { along_m: lengths[i - 1] + part * (lengths[i] - lengths[i - 1]), beside_m };
    }
  }
  return { ...best, length_m: lengths.at(-1) ?? 0 };
}

const ON_PATH_M = 0.2;

/**
 * Returns the share of a ride's path behind the car, 0 to 1. A path may use the same street twice:
 * the first match that is not behind `before` (the previous result) counts.
 */
export function progress(path, place, before = 0) {
  const lengths = arcLengths(path);
  const length = lengths.at(-1);
  if (!length) return before;
  let best = null;
  for (let i = 1; i < path.length; i++) {
    if (lengths[i] < before * length) continue;
    const near = project([path[i - 1], path[i]], place);
    if (best && near.beside_m > best.beside_m) break;
    if (near.beside_m < ON_PATH_M) best = { ...near, along_m: lengths[i - 1] + near.along_m };
  }
  return best ? Math.min(1, Math.max(before, best.along_m / length)) : before;
}

/** Returns `to_rad` plus whole turns, nearest to `from_rad`. */
export const unwrap = (from_rad, to_rad) =>
  to_rad + 2 * Math.PI * Math.round((from_rad - to_rad) / (2 * Math.PI));

/**
 * Returns the position of a destination's picture: beside its stop, off the streets and other
 * pictures. `size_m` is the picture's width.
 */
export function besideRoad([x, y], heading_rad, streets, taken, size_m, lane_m) {
  const clear = (spot) => {
    const road = Math.min(...streets.map((points) => project(points, spot).beside_m));
    const others = taken.map(([ox, oy]) => Math.hypot(spot[0] - ox, spot[1] - oy));
    return Math.min(road - lane_m / 2 - size_m / 2, Math.min(...others, Infinity) - size_m);
  };
  const away = lane_m / 2 + size_m / 2;
  const spots = [-1, 1].flatMap((side) =>
    [1.18, 1.35, 1.6].flatMap((far) =>
      [0, 0.25, -0.25, 0.5, -0.5].map((along) => {
        const [cos, sin] = [Math.cos(heading_rad), Math.sin(heading_rad)];
        const left = side * away * far;
        return [x + along * cos - left * sin, y + along * sin + left * cos];
      }),
    ),
  );
  const best = spots.find((spot) => clear(spot) >= 0);
  return best ?? spots.reduce((a, b) => (clear(a) >= clear(b) ? a : b));
}

/** Returns every `every`th point of a polyline, and its ends. */
export function thin(points, every_m) {
  const kept = [points[0]];
  for (const point of points.slice(1, -1)) {
    const [x, y] = kept.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) >= every_m) kept.push(point);
  }
  kept.push(points.at(-1));
  return kept;
}
