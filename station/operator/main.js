// The operator's page: login, a look at the town every second, and commands that are read back.

import { CityMap } from "../map.js";
import * as api from "./api.js";
import { $, drawAudit, drawBookings, drawCars, say } from "./draw.js";
import { readBack } from "./words.js";

const LOOK_MS = 1000;
const ENDED = "Your session has ended. Log in again.";
const STOP_ALL = "STOP ALL CARS";
const CONFIRM_S = 3; // as long as the server waits for cars to confirm a stop

const map = new CityMap($("map"));

/** @type {{ is_halted: boolean, closed_edges: string[], cars: import("./words.js").Car[] } | null} */
let fleet = null;
/** @type {import("./words.js").Wait[]} */
let waits = [];
let heardMs = 0;
let haltedMs = 0;
let isLost = false;
let fault = "";
let done = "";
/** The fault is that of the stop of all cars. */
let isStopRefused = false;
/** Each login has a number; answers to an older one are dropped. */
let visit = 0;

const mayCommand = () => ["operator", "admin"].includes(api.session()?.role ?? "");
const sinceS = () => (performance.now() - heardMs) / 1000;

// --- login ----------------------------------------------------------------------------------------

/** @param {string} why */
function leave(why = "") {
  visit += 1;
  api.forget();
  fleet = null;
  [fault, done, isStopRefused, isLost] = ["", "", false, false];
  $("cars").replaceChildren();
  say($("shouts"), "");
  say($("said"), "");
  show();
  say($("login-fault"), why);
  $("name").focus();
}

function show() {
  const session = api.session();
  $("login").hidden = session !== null;
  for (const id of ["town", "who", "logout"]) $(id).hidden = session === null;
  for (const id of ["halt", "words"]) $(id).hidden = !mayCommand();
  if (session) say($("who"), `${session.name} (${session.role})`);
}

async function enter() {
  const mine = ++visit;
  show();
  let hasMap = false;
  while (mine === visit) {
    try {
      if (!hasMap) map.draw(await api.getCity());
      hasMap = true;
    } catch (error) {
      if (!(error instanceof api.ApiError)) reportError(error); // cars can be stopped without a map
    }
    // a fault of ours is told by the browser, and the page goes on as without an answer
    await look().catch((error) => {
      isLost = true;
      reportError(error);
    });
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Asks for all that is shown, and draws it. */
async function look() {
  const mine = visit;
  const questions = [api.getFleet(), api.getWaits(), api.getBookings(), api.getAudit()];
  try {
    const [cars, lines, rides, audit] = await Promise.all(questions);
    if (mine !== visit) return;
    [fleet, waits, isLost, heardMs] = [cars, lines.waits, false, performance.now()];
    drawBookings(rides.bookings);
    drawAudit(audit.entries);
  } catch (error) {
    if (mine !== visit) return;
    if (!(error instanceof api.ApiError)) throw error;
    if (error.status === 401) return leave(ENDED);
    isLost = true;
  }
  draw();
}

// --- what is seen ---------------------------------------------------------------------------------

function draw() {
  if (fleet) {
    drawCars(fleet.cars, waits, sinceS(), mayCommand() ? tell : null);
    map.showCars(fleet.cars, undefined);
    map.showClosed(fleet.closed_edges);
    $("closed").hidden = fleet.closed_edges.length === 0;
    say($("closed"), `Closed streets: ${fleet.closed_edges.join(", ")}`);
    $("resume-all").hidden = !fleet.is_halted;
  }
  shout();
}

function shout() {
  const lines = [];
  if (isLost) lines.push("The server does not answer; what you see is old. Look at the cars themselves.");
  haltedMs = fleet?.is_halted ? haltedMs || performance.now() : 0;
  let stands = "";
  if (fleet?.is_halted) {
    const { confirmed, missing } = readBack(fleet.cars, sinceS());
    const isOverdue = isStopRefused || performance.now() - haltedMs > CONFIRM_S * 1000;
    stands = `All cars are told to stop. Confirmed: ${confirmed.join(", ") || "none"}.`;
    if (missing.length && isOverdue) {
      lines.push(`NOT CONFIRMED STOPPED: ${missing.join(", ")}. Look there, switch off by hand.`);
    } else if (missing.length) {
      stands += ` Waiting for: ${missing.join(", ")}.`;
    }
  }
  // who has not stopped is known anew every second: better than the server's answer of then
  if (fault && !(isStopRefused && fleet?.is_halted)) lines.push(fault);
  say($("shouts"), lines.join("\n"));
  say($("said"), stands || done);
}

// --- commands -------------------------------------------------------------------------------------

/**
 * Sends a command, and says how it ended.
 * @param {string} what
 * @param {() => Promise<{ confirmed: string[] }>} send
 */
async function command(what, send) {
  const mine = visit;
  [fault, isStopRefused] = ["", false];
  done = `${what}: sent …`;
  shout();
  try {
    const { confirmed } = await send();
    if (mine !== visit) return;
    done = `${what}: confirmed by ${confirmed.join(", ") || "no car, as none is here"}.`;
  } catch (error) {
    if (mine !== visit) return;
    if (!(error instanceof api.ApiError)) throw error;
    if (error.status === 401) return leave(ENDED);
    done = "";
    fault = `${what} FAILED: ${error.message} ${error.nextStep}`;
    isStopRefused = what === STOP_ALL;
  }
  shout();
  await look();
}

const NAMES = { pause: "Pause", stop: "Emergency stop", resume: "Resume" };

/**
 * @param {string} car
 * @param {string} word
 */
function tell(car, word) {
  void command(`${NAMES[/** @type {"pause"} */ (word)]} ${car}`, () => api.tell(car, word));
}

$("stop-all").addEventListener("click", () => command(STOP_ALL, () => api.tellAll("stop")));
$("resume-all").addEventListener("click", () =>
  command("Resume all cars", () => api.tellAll("resume")),
);

$("login-form").addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  say($("login-fault"), "");
  try {
    await api.logIn($("name").value, $("password").value);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    return say($("login-fault"), `${error.message} ${error.nextStep}`);
  } finally {
    $("password").value = "";
  }
  void enter();
});

$("logout").addEventListener("click", async () => {
  await api.logOut().catch(() => null); // a session that is not ended here ends by itself
  leave();
});

setInterval(draw, LOOK_MS); // ages grow also while the server keeps an answer back

if (api.session()) void enter();
else leave();
