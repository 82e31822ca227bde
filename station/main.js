// The visitor's page: connects server events and the visitor's input with the view.

import * as api from "./api.js";
import { progress } from "./geometry.js";
import { isKnown, preferred, setLanguage, language } from "./i18n.js";
import { CityMap } from "./map.js";
import { isActive, reduce, screenOf, START, view } from "./ride.js";
import { celebrate, drawLanguages, drawPlaces, markLanguage, render } from "./screens.js";
import { VideoView } from "./video.js";

const LANGUAGE_KEY = "pixelopolis.language";
const IDLE_S = 90; // then a kiosk assumes that the visitor has left
const $ = (id) => document.getElementById(id);
const nowS = () => performance.now() / 1000;

const map = new CityMap($("map"));
const video = new VideoView(
  $("video"),
  () => draw(),
  () => api.viewOf(state.booking.id),
);
const bird = new VideoView($("bird"), (state) => {
  $("bird-panel").dataset.state = state;
  document.body.dataset.bird = state;
});

let state = START;
let city = null;
let touchedS = nowS();
let part = 0; // share of the route behind the car, 0 to 1

function dispatch(event) {
  const before = state;
  state = reduce(state, event, nowS());
  if (wayOf(state) !== wayOf(before)) part = 0;
  if (state.booking?.state === "arrived" && before.booking?.state !== "arrived") {
    celebrate(video.snapshot());
  }
  draw();
}

/** Returns what identifies a route, which changes when a ride is sent around a closed street. */
const wayOf = ({ booking }) =>
  JSON.stringify([booking?.id, booking?.path_m.length, booking?.path_m[0], booking?.path_m.at(-1)]);

function draw() {
  const now = view(state, nowS());
  const own = state.cars.find((car) => car.id === now.carId);
  if (own && now.path?.length > 1) part = progress(now.path, [own.x_m, own.y_m], part);
  // an invisible video would still cost the car and the simulator work
  const isSeen = !document.hidden && (now.screen === "choose" || now.screen === "ride");
  video.show(isSeen ? now.videoUrl : null);
  bird.show(isSeen ? (city?.bird_url ?? null) : null);
  render(now, { videoState: video.state, part });
  map.choose(now.destination?.id ?? null);
  map.showRoute(now.path, part);
  map.showCars(state.cars, now.carId);
}

async function speak(code) {
  await setLanguage(code);
  markLanguage();
  if (city) drawPlaces(city.destinations, choose);
}

const choose = (id) => dispatch({ type: "choose", id });

async function pickLanguage(code) {
  api.remember(LANGUAGE_KEY, code);
  await speak(code);
  $("language-dialog").close();
  dispatch({ type: "language" });
}

/** Before every connection: the city may have changed, and a new server may not know us. */
async function prepare() {
  const answer = await api.getCity();
  await api.enter();
  if (JSON.stringify(answer) !== JSON.stringify(city)) {
    city = answer;
    map.draw(city);
    drawPlaces(city.destinations, choose);
    dispatch({ type: "city", destinations: city.destinations });
  }
}

/** A ride that ended while we were disconnected sends no events: ask. */
async function catchUp() {
  if (!isActive(state.booking)) return;
  try {
    dispatch({ type: "booking", booking: await api.getBooking(state.booking.id) });
  } catch (error) {
    if (error.status === 404) dispatch({ type: "gone" });
  }
}

async function bookRide() {
  const { chosen } = state;
  dispatch({ type: "ask" });
  try {
    await api.enter(); // needed if the server has a new database
    dispatch({ type: "booking", booking: await api.book(chosen, language()) });
  } catch (error) {
    if (!state.booking) dispatch({ type: "refused", code: error.code, status: error.status });
  }
}

async function cancelRide() {
  $("cancel-dialog").close();
  const { id } = state.booking ?? {};
  if (!id) return;
  dispatch({ type: "cancel" });
  try {
    const booking = await api.cancelBooking(id);
    if (booking) dispatch({ type: "booking", booking });
    else await catchUp();
  } catch {
    dispatch({ type: "cancel-failed" });
    await catchUp();
  }
}

function listen() {
  $("open-languages").addEventListener("click", () => $("language-dialog").showModal());
  $("close-languages").addEventListener("click", () => $("language-dialog").close());
  $("book").addEventListener("click", bookRide);
  $("cancel").addEventListener("click", () => $("cancel-dialog").showModal());
  $("cancel-no").addEventListener("click", () => $("cancel-dialog").close());
  $("cancel-yes").addEventListener("click", cancelRide);
  $("next").addEventListener("click", () => dispatch({ type: "next" }));

  document.addEventListener("visibilitychange", draw);
  for (const kind of ["pointerdown", "keydown", "scroll"]) {
    addEventListener(kind, () => (touchedS = nowS()), { passive: true });
  }
}

/** Once a second: update the time until arrival, and reset when the visitor has left. */
function tick() {
  if (isActive(state.booking)) touchedS = nowS();
  if (nowS() - touchedS > IDLE_S && screenOf(state) !== "welcome") goHome();
  draw();
}

async function goHome() {
  $("language-dialog").close();
  await speak(preferred());
  dispatch({ type: "home" });
}

async function start() {
  const remembered = api.remember(LANGUAGE_KEY);
  drawLanguages(pickLanguage);
  await speak(isKnown(remembered) ? remembered : preferred());
  listen();
  draw();
  setInterval(tick, 1000);
  const link = new api.EventLink({
    prepare,
    onEvent: (event) => dispatch(event),
    onUp: () => {
      dispatch({ type: "link", link: "up" });
      catchUp();
    },
    onLost: () => dispatch({ type: "link", link: "lost" }),
  });
  await link.start();
}

await start();
