// Server communication: requests, this station's id and token, and the self-reconnecting event socket.

const REQUEST_TIMEOUT_MS = 8000;
const OPEN_TIMEOUT_MS = 6000;
const QUIET_MS = 10000; // after so long without an event we ask whether the server is still there
const LAST_DELAY_MS = 8000;
const BOOK_RETRIES = 2;
const STATION_KEY = "pixelopolis.station";
const EVENTS_PROTOCOL = "pixelopolis.events";

export class ApiError extends Error {
  constructor(code, status, message) {
    super(message || code);
    this.code = code;
    this.status = status;
  }
}

/** The ride of another page that this one follows, `{ id, token }`, or null. */
let followed = null;

/** Follows the ride that the page's address names; returns whether it names one. */
export function follow(hash = location.hash) {
  const [, id, token] = /^#ride=([\w-]{1,100})\.([\w-]{1,200})$/.exec(hash) ?? [];
  followed = id ? { id, token } : null;
  return followed !== null;
}

/** Returns the ride that this page follows, if it still goes on, else stops following. */
export async function followedRide() {
  if (!followed) return null;
  try {
    return await getBooking(followed.id);
  } catch (error) {
    if (error.status === 0 || error.status >= 500) throw error;
    return null;
  }
}

/** Returns a ride's address for another page as `{ url, qr_svg }`. */
export const rideLink = (id) => request("GET", `api/bookings/${encodeURIComponent(id)}/link`);

const address = (path) => new URL(path, document.baseURI);

async function request(method, path, body) {
  const options = {
    method,
    cache: "no-store",
    headers: {},
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  };
  const token = followed?.token ?? station().token;
  if (token) options.headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  let answer = null;
  try {
    response = await fetch(address(path), options);
    const text = await response.text();
    answer = text ? JSON.parse(text) : null;
  } catch {
    if (!response || response.ok) throw new ApiError("unreachable", 0);
  }
  if (!response.ok) {
    const error = answer?.error ?? {};
    throw new ApiError(error.code ?? `http_${response.status}`, response.status, error.message);
  }
  return answer;
}

export const getCity = () => request("GET", "api/city");

/** Asks for a ride; if the answer gets lost, asks again for the same ride, not for a second one. */
export async function book(destinationId, language) {
  const wish = {
    station_device_id: station().id,
    destination_id: destinationId,
    language,
    request_id: newId(),
  };
  for (let attempt = 0; ; attempt++) {
    try {
      return await request("POST", "api/bookings", wish);
    } catch (error) {
      const isLost = error.status === 0 || error.status >= 500;
      if (!isLost || attempt === BOOK_RETRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryDelayMs(attempt)));
    }
  }
}
export const getBooking = (id) => request("GET", `api/bookings/${encodeURIComponent(id)}`);
export const cancelBooking = (id) => request("DELETE", `api/bookings/${encodeURIComponent(id)}`);

/** Returns the address of a ride's live view, with a token that opens it within a minute. */
export const viewOf = async (id) =>
  (await request("POST", `api/bookings/${encodeURIComponent(id)}/view`)).url;

/** Returns a random UUID. On a LAN page served by http, crypto.randomUUID is missing. */
export function newId(source = globalThis.crypto) {
  if (source.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Reads and writes one value; if the browser forbids storage, it lasts until the page closes. */
export function remember(key, value) {
  try {
    if (value !== undefined) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    if (value !== undefined) forgetful.set(key, value);
    return forgetful.get(key) ?? null;
  }
}
const forgetful = new Map();

/** Removes one value. */
export function forget(key) {
  forgetful.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // the browser forbids storage: nothing is kept there
  }
}

/** Returns this station's { id, token }; both are missing before the server knows it. */
function station() {
  try {
    return JSON.parse(remember(STATION_KEY)) ?? {};
  } catch {
    return {};
  }
}

/** Registers this station, unless the server knows its token: a new server may not. */
export async function enter() {
  if (followed) return;
  try {
    if (station().token) return void (await request("GET", "api/station"));
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  const id = newId();
  const { token } = await request("POST", "api/stations", { device_id: id });
  remember(STATION_KEY, JSON.stringify({ id, token }));
}

/** Returns the delay before attempt number `attempt` (0, 1, ...); `random` is in [0, 1). */
export function retryDelayMs(attempt, random = Math.random()) {
  return Math.min(LAST_DELAY_MS, 500 * 2 ** Math.min(attempt, 10)) * (0.7 + 0.3 * random);
}

/**
 * The event stream of one station; it reconnects for as long as the page lives. `prepare` runs
 * before every attempt (it may throw), `onEvent(event)` for every message, `onUp` when the socket
 * is open, `onLost` once for each loss.
 */
export class EventLink {
  constructor({ prepare, onEvent, onUp, onLost }) {
    Object.assign(this, { prepare, onEvent, onUp, onLost });
    this.attempt = 0;
    this.isUp = null;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => !document.hidden && this.#hurry());
  }

  async start() {
    for (;;) {
      try {
        await this.prepare();
        await this.#listen();
      } catch {
        // reported below: the page shows the loss, whatever its cause
      }
      this.#change(false);
      await this.#pause(retryDelayMs(this.attempt++));
    }
  }

  #change(isUp) {
    if (this.isUp === isUp) return;
    this.isUp = isUp;
    if (isUp) this.onUp();
    else this.onLost();
  }

  /** Resolves when the socket is closed. */
  #listen() {
    const url = address(followed ? `api/bookings/${encodeURIComponent(followed.id)}/events` : "api/events");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    // a page cannot set headers of a WebSocket: the token travels as a subprotocol
    const socket = new WebSocket(url, [EVENTS_PROTOCOL, `bearer.${followed?.token ?? station().token}`]);
    return new Promise((resolve) => {
      let timer = setTimeout(done, OPEN_TIMEOUT_MS);
      function done() {
        clearTimeout(timer);
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.close();
        resolve();
      }
      const listenOn = () => {
        clearTimeout(timer);
        timer = setTimeout(async () => {
          // an unplugged cable does not close the socket: try a request
          try {
            await request("GET", "healthz");
            if (socket.readyState === WebSocket.OPEN) listenOn();
          } catch {
            done();
          }
        }, QUIET_MS);
      };
      socket.onopen = () => {
        this.attempt = 0;
        this.#change(true);
        listenOn();
      };
      socket.onmessage = (message) => {
        listenOn();
        this.onEvent(JSON.parse(message.data));
      };
      socket.onclose = done;
    });
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #hurry() {
    this.wake?.();
  }
}
