// The visitor's page: connects server events and the visitor's input with the view.

import * as api from "./api.js";
import * as chime from "./chime.js";
import { progress } from "./geometry.js";
import { isKnown, preferred, setLanguage, language } from "./i18n.js";
import { CityMap } from "./map.js";
import { isAbsent, isActive, reduce, START, view } from "./ride.js";
import { celebrate, drawLanguages, drawPlaces, markLanguage, render, renderThoughts, signName } from "./screens.js";
import { Sight } from "./sight.js";
import { NO_THOUGHTS, reflect, thoughtIn, told } from "./thoughts.js";
import { isLocal, VideoView } from "./video.js";

const LANGUAGE_KEY = "pixelopolis.language";
const $ = (id) => document.getElementById(id);
const nowS = () => performance.now() / 1000;

const map = new CityMap($("map"));
const video = new VideoView(
  $("video"),
  () => draw(),
  () => api.viewOf(state.booking.id),
  (head) => think(thoughtIn(head)),
);
const sight = new Sight($("sight"), $("video"), signName);
const bird = new VideoView($("bird"), (state) => {
  $("bird-panel").dataset.state = state;
  document.body.dataset.bird = state;
});

let state = START;
let city = null;
let touchedS = nowS();
let follows = api.follow();
let mind = NO_THOUGHTS;
let part = 0; // share of the route behind the car, 0 to 1

function dispatch(event) {
  const before = state;
  state = reduce(state, event, nowS());
  if (wayOf(state) !== wayOf(before)) part = 0;
  if (state.booking?.car_id !== before.booking?.car_id) mind = NO_THOUGHTS;
  if (state.calledS !== null && before.calledS === null) chime.ring();
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
  render(now, { videoState: video.state, part, canShare: !follows && !isLocal() });
  renderThoughts(told(mind, nowS()));
  map.choose(now.destination?.id ?? null);
  map.showRoute(now.path, part);
  map.showCars(state.cars, now.carId);
}

/** Takes in what the car thinks of the picture that is shown now. */
function think(thought) {
  sight.draw(thought);
  if (!thought) return;
  mind = reflect(mind, thought, nowS());
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
  if (follows) await greetRide();
  const answer = await api.getCity();
  await api.enter();
  if (JSON.stringify(answer) !== JSON.stringify(city)) {
    city = answer;
    map.draw(city);
    drawPlaces(city.destinations, choose);
    dispatch({ type: "city", destinations: city.destinations });
  }
}

/** Takes over the ride that this page follows; if it is over, the page is one like any other. */
async function greetRide() {
  const booking = await api.followedRide();
  if (booking && (isActive(booking) || state.booking)) dispatch({ type: "booking", booking });
  else stopFollowing();
}

function stopFollowing() {
  history.replaceState(null, "", location.pathname);
  follows = api.follow();
}

/** Shows the code that carries the ride to another page. */
async function showLink() {
  try {
    const { qr_svg } = await api.rideLink(state.booking.id);
    $("phone-code").src = `data:image/svg+xml,${encodeURIComponent(qr_svg)}`;
    $("phone-dialog").showModal();
  } catch {
    // without an answer there is nothing to show, and the page tells of a lost server by itself
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
  chime.prepare();
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
  $("open-how").addEventListener("click", () => $("how-dialog").showModal());
  $("close-how").addEventListener("click", () => $("how-dialog").close());
  $("call-dialog").addEventListener("close", () => dispatch({ type: "call-seen" }));
  $("call-ok").addEventListener("click", () => $("call-dialog").close());
  $("show-sight").addEventListener("click", (event) => {
    sight.isShown = !sight.isShown;
    event.currentTarget.setAttribute("aria-pressed", String(sight.isShown));
    if (!sight.isShown) sight.draw(null);
  });
  $("open-phone").addEventListener("click", showLink);
  $("close-phone").addEventListener("click", () => $("phone-dialog").close());
  $("book").addEventListener("click", bookRide);
  $("cancel").addEventListener("click", () => $("cancel-dialog").showModal());
  $("cancel-no").addEventListener("click", () => $("cancel-dialog").close());
  $("cancel-yes").addEventListener("click", cancelRide);
  $("next").addEventListener("click", async () => {
    dispatch({ type: "next" });
    if (!follows) return;
    stopFollowing();
    await api.enter();
    location.reload(); // as a page of its own, with its own events
  });

  document.addEventListener("visibilitychange", draw);
  for (const kind of ["pointerdown", "keydown", "scroll"]) {
    addEventListener(kind, () => (touchedS = nowS()), { passive: true });
  }
}

/** Once a second: update the time until arrival, and reset when the visitor has left. */
function tick() {
  if (!follows && isAbsent(state, nowS(), touchedS)) goHome();
  draw();
}

/** Greets the next visitor, and forgets this one. */
async function goHome() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  api.forget(LANGUAGE_KEY);
  celebrate(null);
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
