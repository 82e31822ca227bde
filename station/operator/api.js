// The operators' API: the session of this tab, questions and commands.

const REQUEST_TIMEOUT_MS = 8000; // the server reads back a command for 3 s
const SESSION_KEY = "pixelopolis.operator";

/** @typedef {{ token: string, name: string, role: "viewer" | "operator" | "admin" }} Session */

export class ApiError extends Error {
  /**
   * @param {number} status HTTP status; 0 if the server was not reached
   * @param {string} code
   * @param {string} message
   * @param {string} nextStep
   */
  constructor(status, code, message, nextStep) {
    super(message);
    this.status = status;
    this.code = code;
    this.nextStep = nextStep;
  }
}

/** @returns {Session | null} */
export function session() {
  try {
    return JSON.parse(sessionStorage.getItem(SESSION_KEY) ?? "null");
  } catch {
    return null;
  }
}

export const forget = () => sessionStorage.removeItem(SESSION_KEY);

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
async function request(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = {};
  const token = session()?.token;
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  let answer = null;
  try {
    response = await fetch(new URL(path, document.baseURI), {
      method,
      headers,
      cache: "no-store",
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await response.text();
    answer = text ? JSON.parse(text) : null;
  } catch {
    if (!response || response.ok) {
      throw new ApiError(0, "unreachable", "The server does not answer.", "Look at the cars themselves.");
    }
  }
  if (!response.ok) {
    const { code = "", message = `The server answers ${response.status}.`, next_step = "" } =
      answer?.error ?? {};
    throw new ApiError(response.status, code, message, next_step);
  }
  return answer;
}

/**
 * @param {string} name
 * @param {string} password
 */
export async function logIn(name, password) {
  const { token, role } = await request("POST", "api/operator/login", { name, password });
  sessionStorage.setItem(SESSION_KEY, JSON.stringify({ token, name, role }));
}

export const logOut = () => request("POST", "api/operator/logout");
export const getCity = () => request("GET", "api/city");
export const getFleet = () => request("GET", "api/operator/cars");
export const getWaits = () => request("GET", "api/operator/waits");
export const getBookings = () => request("GET", "api/operator/bookings?count=20");
export const getAudit = () => request("GET", "api/operator/audit?count=30");

/**
 * Tells one car something: "pause", "stop" or "resume".
 * @param {string} car
 * @param {string} word
 */
export const tell = (car, word) =>
  request("POST", `api/operator/cars/${encodeURIComponent(car)}/${word}`);

/**
 * Tells all cars something: "stop" or "resume".
 * @param {string} word
 */
export const tellAll = (word) => request("POST", `api/operator/${word}`);
