// The map of the city as inline SVG: streets, places, the route, and every car.
// One unit of the drawing is a centimeter of the city; y points down.

import { besideRoad, offset, thin, unwrap } from "./geometry.js";

const SVG = "http://www.w3.org/2000/svg";
const PICTURES = new Set(["museum", "landmark", "planetarium", "town", "wedding"]);
const PLACE_M = 0.5;
const MARGIN_M = 0.8;
const WOODS_M = 2.5;
const LINE_M = 0.035; // wider than in reality, to be visible

const picture = (folder, kind) => `pictures/${folder}/${PICTURES.has(kind) ? kind : "place"}.svg`;
export const tileOf = (kind) => picture("tiles", kind);

function make(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const cm = (metres) => Math.round(metres * 1000) / 10;
const outline = (points) =>
  points.map(([x, y], i) => `${i ? "L" : "M"}${cm(x)} ${cm(-y)}`).join("");

/** Returns a number in [0, 1) that depends only on two integers, so that trees stay in place. */
function scatter(i, k) {
  const value = Math.sin(i * 127.1 + k * 311.7) * 43758.5453;
  return value - Math.floor(value);
}

/** Returns the direction of the street at a place. */
function headingAt(points, [x, y]) {
  let best = [Infinity, 0];
  for (let i = 1; i < points.length; i++) {
    const [[ax, ay], [bx, by]] = [points[i - 1], points[i]];
    const far = Math.hypot((ax + bx) / 2 - x, (ay + by) / 2 - y);
    if (far < best[0]) best = [far, Math.atan2(by - ay, bx - ax)];
  }
  return best[1];
}

function drawPlace({ destination, at: [x, y], stop }) {
  const size = cm(PLACE_M * 1.25);
  const [stopX, stopY] = [cm(stop[0]), cm(-stop[1])];
  return make(
    "g",
    { class: "map-place", "data-id": destination.id },
    make("circle", { class: "map-stop", cx: stopX, cy: stopY, r: 5 }),
    make("image", {
      href: picture("sights", destination.kind),
      x: cm(x) - size / 2,
      y: cm(-y) - size / 2,
      width: size,
      height: size,
    }),
    make("path", {
      class: "map-pin",
      d: `M${stopX} ${stopY}l-9 -15a10.5 10.5 0 1 1 18 0zm0 -25a4.5 4.5 0 1 0 .01 0z`,
    }),
  );
}

export class CityMap {
  constructor(svg) {
    this.svg = svg;
    this.cars = new Map();
  }

  draw(city) {
    const [x0, y0, x1, y1] = city.bounds_m;
    const box = [x0 - MARGIN_M, -y1 - MARGIN_M, x1 - x0 + 2 * MARGIN_M, y1 - y0 + 2 * MARGIN_M];
    this.svg.setAttribute("viewBox", box.map(cm).join(" "));
    const streets = [...city.edges, ...city.movements].map((each) => thin(each.points_m, 0.02));
    const places = this.#places(city, streets);
    this.route = make("path", { class: "map-route", pathLength: 1 });
    this.ahead = make("path", { class: "map-ahead", pathLength: 1 });
    this.streets = new Map(city.edges.map((edge) => [edge.id, outline(thin(edge.points_m, 0.02))]));
    this.closed = make("path", { class: "map-closed" });
    this.layer = make("g");
    this.svg.replaceChildren(
      this.#trees(city, streets, places),
      this.#roads(city, streets),
      make("g", {}, this.route, this.ahead, this.closed),
      make("g", {}, ...places.map(drawPlace)),
      this.layer,
    );
    this.cars.clear();
    this.chosen = undefined;
    this.path = undefined;
  }

  #roads({ road }, streets) {
    const lane = cm(road.lane_width_m);
    const layer = (kind, lines, width) =>
      make("path", { class: `map-road ${kind}`, d: lines.map(outline).join(""), "stroke-width": width });
    const moved = (left_m) => streets.map((points) => offset(points, left_m));
    // the white center covers all but the outer rims, so that junctions look clean
    return make(
      "g",
      { class: `map-roads ${road.style}` },
      layer("shade", streets, lane + cm(4 * LINE_M)),
      layer("left", moved(LINE_M), lane),
      layer("right", moved(-LINE_M), lane),
      layer("lane", streets, lane),
    );
  }

  #places(city, streets) {
    const taken = [];
    return city.destinations.map((destination) => {
      const stop = [destination.x_m, destination.y_m];
      const street = city.edges.find((edge) => edge.id === destination.edge)?.points_m ?? streets[0];
      const heading = headingAt(street, stop);
      const at = besideRoad(stop, heading, streets, taken, PLACE_M, city.road.lane_width_m);
      taken.push(at);
      return { destination, at, stop };
    });
  }

  #trees(city, streets, places) {
    const [x0, y0, x1, y1] = city.bounds_m;
    const group = make("g", { class: "map-trees" });
    const near = (points, x, y, limit) =>
      points.some(([px, py]) => Math.hypot(px - x, py - y) < limit);
    const rough = streets.map((points) => thin(points, 0.1)).flat();
    const spots = places.map((place) => place.at);
    // beyond the drawing's edges too, as a wide panel shows more of the meadow
    const [left, low] = [x0 - MARGIN_M - WOODS_M, y0 - MARGIN_M - 1];
    const [wide, high] = [x1 - left + MARGIN_M + WOODS_M, y1 - low + MARGIN_M + 1];
    const count = Math.min(400, Math.round(wide * high * 2.6));
    for (let i = 0; i < count; i++) {
      const x = left + scatter(i, 1) * wide;
      const y = low + scatter(i, 2) * high;
      if (near(rough, x, y, 0.28) || near(spots, x, y, 0.42)) continue;
      const r = 5 + 5 * scatter(i, 3);
      group.append(
        make("circle", { class: "tree-shade", cx: cm(x) + 2, cy: cm(-y) + 3, r }),
        make("circle", { class: `tree tree-${i % 3}`, cx: cm(x), cy: cm(-y), r }),
        make("circle", { class: "tree-light", cx: cm(x) - r / 3, cy: cm(-y) - r / 3, r: r / 2.4 }),
      );
    }
    return group;
  }

  choose(id) {
    if (this.chosen === id) return;
    this.chosen = id;
    for (const place of this.svg.querySelectorAll(".map-place")) {
      place.classList.toggle("chosen", place.dataset.id === id);
      place.classList.toggle("other", id !== null && place.dataset.id !== id);
    }
  }

  /** Draws the ride's route, faint where the car has been. */
  showRoute(path, part = 0) {
    if (!this.route) return;
    if (path !== this.path) {
      this.path = path;
      const line = path?.length > 1 ? outline(thin(path, 0.02)) : "";
      this.route.setAttribute("d", line);
      this.ahead.setAttribute("d", line);
    }
    this.ahead.setAttribute("stroke-dasharray", `0 ${part} ${1 - part} 2`);
  }

  /** Crosses out the streets (ids of edges) that no car may enter. */
  showClosed(edges) {
    this.closed?.setAttribute("d", edges.map((id) => this.streets.get(id) ?? "").join(""));
  }

  showCars(cars, ownId) {
    if (!this.layer) return;
    for (const [id, { element }] of this.cars) {
      if (!cars.some((car) => car.id === id)) {
        element.remove();
        this.cars.delete(id);
      }
    }
    for (const car of cars) {
      if (!Number.isFinite(car.x_m) || !Number.isFinite(car.y_m)) continue;
      const known = this.cars.get(car.id) ?? this.#addCar(car);
      known.heading = unwrap(known.heading, car.heading_rad ?? 0);
      const { element } = known;
      element.style.transform =
        `translate(${cm(car.x_m)}px, ${cm(-car.y_m)}px) rotate(${-known.heading}rad)`;
      element.style.setProperty("--paint", car.color_rgb ?? "");
      element.classList.toggle("own", car.id === ownId);
      element.classList.toggle("offline", car.online === false);
      if (car.id === ownId) this.layer.append(element);
    }
  }

  #addCar(car) {
    // the car's outline is 0.2 m by 0.15 m, drawn 1.5 times as large
    const body = make(
      "g",
      { class: "car-body" },
      make("circle", { class: "car-halo", r: 27 }),
      make("rect", { class: "car-shade", x: -13, y: -8, width: 31, height: 21, rx: 7 }),
      make("rect", { class: "car-paint", x: -14, y: -10.5, width: 31, height: 21, rx: 7 }),
      make("rect", { class: "car-glass", x: 3, y: -7.5, width: 6.5, height: 15, rx: 3 }),
      make("rect", { class: "car-roof", x: -8, y: -7.5, width: 9, height: 15, rx: 3 }),
      make("circle", { class: "car-lamp", cx: 14.5, cy: -6.5, r: 2 }),
      make("circle", { class: "car-lamp", cx: 14.5, cy: 6.5, r: 2 }),
    );
    const element = make("g", { class: "map-car", "data-car": car.id }, body);
    this.layer.append(element);
    const known = { element, heading: car.heading_rad ?? 0 };
    this.cars.set(car.id, known);
    return known;
  }
}
