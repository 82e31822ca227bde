// Renders a view (ride.js) on the page, without decisions of its own.

import { carName, duration, language, LANGUAGES, list, nameOf, t } from "./i18n.js";
import { tileOf } from "./map.js";

const $ = (id) => document.getElementById(id);

function show(element, isShown) {
  if (element.hidden === isShown) element.hidden = !isShown;
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Returns the buttons of both language lists. */
export function drawLanguages(onPick) {
  for (const list of [$("languages"), $("dialog-languages")]) {
    const items = LANGUAGES.map(({ code, name, hello, dir = "ltr" }) => {
      const button = el(
        "button",
        { type: "button", class: "language", lang: code, dir, "data-language": code },
        el("strong", {}, name),
        el("span", {}, hello),
      );
      button.addEventListener("click", () => onPick(code));
      return el("li", {}, button);
    });
    list.replaceChildren(...items);
  }
}

export function markLanguage() {
  say($("language-name"), LANGUAGES.find((each) => each.code === language()).name);
  for (const button of document.querySelectorAll(".language")) {
    button.setAttribute("aria-current", String(button.dataset.language === language()));
  }
}

/** Returns a card for each destination: a radio button that looks like a board-game tile. */
export function drawPlaces(destinations, onChoose) {
  const cards = destinations.map((destination) => {
    const radio = el("input", { type: "radio", name: "destination", value: destination.id });
    radio.addEventListener("change", () => onChoose(destination.id));
    return el(
      "label",
      { class: "place", "data-kind": destination.kind, "data-id": destination.id },
      radio,
      el("img", { src: tileOf(destination.kind), alt: "", draggable: "false" }),
      el("span", { class: "place-name" }, nameOf(destination.names, destination.id)),
    );
  });
  $("places").replaceChildren(...cards);
}

const placeName = (destination) =>
  destination ? nameOf(destination.names, destination.id) : "";

/** Renders a view; cheap enough for every event. */
export function render(view, { videoState, part, canShare }) {
  const changed = document.body.dataset.screen !== view.screen;
  document.body.dataset.screen = view.screen;
  for (const screen of ["welcome", "choose", "ride", "end"]) show($(screen), view.screen === screen);
  show($("lost"), view.isLost);
  say($("lost-text"), view.isLost ? t("link.lost") : "");
  show($("open-languages"), view.screen !== "welcome");
  show($("open-phone"), canShare && view.screen === "ride");
  if (view.screen !== "ride") $("phone-dialog").close();
  show($("map-panel"), view.screen === "choose" || view.screen === "ride");
  show($("video-panel"), view.screen === "ride" && view.carId !== null);
  renderChoose(view);
  if (view.screen === "ride") renderRide(view, part);
  if (!view.canCancel) $("cancel-dialog").close();
  if (view.screen === "end") renderEnd(view);
  renderVideo(view, videoState);
  renderCall(view);
  announce(view);
  if (changed) document.querySelector(`#${view.screen} h1`)?.focus({ preventScroll: true });
  if (changed) scrollTo(0, 0);
}

function renderChoose(view) {
  if (view.screen !== "choose") return say($("map-caption"), t("map.caption"));
  const id = view.destination?.id;
  for (const radio of $("places").querySelectorAll("input")) radio.checked = radio.value === id;
  $("book").disabled = !view.canBook;
  $("book").classList.toggle("asking", view.asking);
  say($("book-text"), t(view.asking ? "choose.asking" : "choose.book"));
  say($("book-place"), placeName(view.destination));
  say($("notice"), view.notice ? t(view.notice) : "");
  $("notice").dataset.key = view.notice ?? "";
  document.body.classList.toggle("has-choice", Boolean(id || view.notice));
  say($("map-caption"), view.carsKnown ? t("choose.free", { count: view.freeCars }) : t("map.caption"));
}

const reasonOf = ({ reason, reasonCar }) => reason && t(reason, { car: carName(reasonCar) });

function details(view) {
  if (view.reason && view.status === "queued") return `${reasonOf(view)} ${lineOf(view)}`;
  if (view.reason) return reasonOf(view);
  if (view.cancelling) return t("ride.cancelling");
  if (view.status === "queued") return lineOf(view);
  if (view.remainingS !== null) {
    return view.remainingS < 1 ? t("ride.soon") : t("ride.eta", { time: duration(view.remainingS) });
  }
  return t(`detail.${view.status}`);
}

function lineOf({ placeInLine, waitS }) {
  const place = placeInLine ?? 1;
  return waitS === null ? t("line.place", { place }) : t("line.wait", { place, time: duration(waitS) });
}

function renderRide(view, part) {
  $("ride").dataset.status = view.status;
  say($("ride-title"), t(view.title));
  say($("ride-detail"), details(view));
  say($("ride-place"), placeName(view.destination));
  show($("ride-car"), Boolean(view.car));
  say($("ride-car-name"), view.car ? t("ride.car", { car: carName(view.car) }) : "");
  document.body.style.setProperty("--own-paint", view.car?.color_rgb ?? "");
  $("cancel").disabled = !view.canCancel;
  $("progress").style.setProperty("--part", part.toFixed(3));
  const picture = tileOf(view.destination?.kind);
  if (!$("progress-goal").src.endsWith(picture)) $("progress-goal").src = picture;
}

function renderEnd(view) {
  $("end").dataset.status = view.status;
  say($("end-title"), t(view.title));
  say($("end-detail"), reasonOf(view) ?? t(`detail.${view.status}`));
  say($("end-place"), placeName(view.destination));
  say($("next-text"), t(view.status === "arrived" ? "end.next" : "end.again"));
  const picture = tileOf(view.destination?.kind);
  if (!$("end-picture").src.endsWith(picture)) $("end-picture").src = picture;
}

function renderVideo(view, state) {
  const shown = view.videoUrl ? state : "connecting";
  $("video-panel").dataset.state = shown;
  say($("video-caption"), t("video.caption"));
  say($("video-words"), shown === "live" ? "" : t(`video.${shown === "lost" ? "lost" : "connecting"}`));
}

function renderCall(view) {
  const dialog = $("call-dialog");
  if (view.isCalled) say($("call-lead"), t("call.lead", { car: carName(view.car) }));
  if (view.isCalled && !dialog.open) dialog.showModal();
  if (!view.isCalled && dialog.open) dialog.close();
}

export const signName = (sign) => t(`sign.${sign}`);

/** Shows what the car thinks: what it sees, which sign it has just read, and whether it is unsure. */
export function renderThoughts({ things, read, unsure }) {
  say($("thought-sees"), things.length ? t("think.sees", { things: list(things.map(signName)) }) : t("think.road"));
  show($("thought-read"), read !== null);
  say($("thought-read"), read ? t("think.read", { sign: signName(read) }) : "");
  show($("thought-unsure"), unsure);
}

let announced = "";

/** Announces status changes to screen readers, but not every second of the countdown. */
function announce(view) {
  const words = [view.title && t(view.title), reasonOf(view)].filter(Boolean).join(". ");
  if (words === announced) return;
  announced = words;
  $("announcer").textContent = words;
}

const CONFETTI = 36;

/** Shows confetti and, if there is one, the last video frame as a photograph. */
export function celebrate(photo) {
  $("photo").replaceChildren(...(photo ? [photo] : []));
  show($("photo"), Boolean(photo));
  const pieces = Array.from({ length: CONFETTI }, (_, i) => {
    const piece = el("i");
    piece.style.setProperty("--x", `${(i * 61.8) % 100}%`);
    piece.style.setProperty("--delay", `${((i * 37) % 100) / 40}s`);
    piece.style.setProperty("--turn", `${(i % 2 ? 1 : -1) * (360 + ((i * 53) % 360))}deg`);
    piece.dataset.colour = i % 5;
    return piece;
  });
  $("confetti").replaceChildren(...pieces);
}
