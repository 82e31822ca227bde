// Live video: multipart JPEG read frame by frame, so that a stalled stream is noticed.
// (An <img> would show the same stream, but not report that frames stop coming.)

const STALL_MS = 4000;
const RETRY_MS = [500, 1000, 2000, 4000];
const LONGEST_PART = 4 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");
const HEADER_END = encoder.encode("\r\n\r\n");

function find(bytes, needle, from = 0) {
  outer: for (let i = from; i <= bytes.length - needle.length; i++) {
    for (let k = 0; k < needle.length; k++) if (bytes[i + k] !== needle[k]) continue outer;
    return i;
  }
  return -1;
}

/** Splits multipart/x-mixed-replace bytes: `push` takes chunks and returns whole parts, `{ head, body }`. */
export class PartReader {
  constructor(contentType) {
    const boundary = /boundary="?([^";]+)"?/i.exec(contentType ?? "")?.[1];
    if (!boundary) throw new Error(`not a multipart stream: ${contentType}`);
    // some servers write the boundary's dashes into the header too
    this.mark = encoder.encode(`--${boundary.replace(/^--/, "")}`);
    this.rest = new Uint8Array(0);
  }

  push(chunk) {
    const bytes = new Uint8Array(this.rest.length + chunk.length);
    bytes.set(this.rest);
    bytes.set(chunk, this.rest.length);
    const whole = [];
    let at = 0;
    for (;;) {
      const start = find(bytes, this.mark, at);
      const head = start < 0 ? -1 : find(bytes, HEADER_END, start);
      if (head < 0) break;
      const body = head + HEADER_END.length;
      const said = decoder.decode(bytes.subarray(start, head));
      const length = /content-length:\s*(\d+)/i.exec(said);
      const end = length ? body + Number(length[1]) : find(bytes, this.mark, body);
      if (end < 0 || end > bytes.length) break;
      whole.push({ head: said, body: bytes.slice(body, end) });
      at = end;
    }
    this.rest = bytes.slice(at);
    if (this.rest.length > LONGEST_PART) throw new Error("a part of the video has no end");
    return whole;
  }
}

const THIS_MACHINE = new Set(["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"]);

/** Whether an address of this page would lead another device to itself. */
export const isLocal = (host = location.hostname) => THIS_MACHINE.has(host);

/**
 * Returns a stream's URL as seen from here: "this computer" is the one that served the page. Null
 * for none and for an invalid URL.
 */
export function reachable(url, host = location.hostname) {
  if (!url) return null;
  try {
    const address = new URL(url, document.baseURI);
    if (THIS_MACHINE.has(address.hostname)) address.hostname = host;
    return address.href;
  } catch {
    return null; // the page works without video
  }
}

/**
 * Shows one stream on a canvas. `onState` gets "off", "connecting", "live" and "lost"; a lost
 * stream is reopened until `show(null)`. `open(url)` returns the address to fetch this time, for
 * streams that need a fresh token. `onPicture(head)` gets the head of every picture that is shown.
 */
export class VideoView {
  constructor(canvas, onState = () => {}, open = (url) => url, onPicture = () => {}) {
    this.canvas = canvas;
    this.onPicture = onPicture;
    this.onState = onState;
    this.open = open;
    this.url = null;
    this.state = "off";
    this.frames = 0;
  }

  show(wanted) {
    const url = reachable(wanted);
    if (url === this.url) return;
    this.url = url;
    this.stopping?.abort();
    if (!url) return this.#say("off");
    this.stopping = new AbortController();
    this.#say("connecting");
    this.#run(url, this.stopping.signal);
  }

  /** Returns a copy of the visible frame as a canvas, or null. */
  snapshot() {
    if (!this.frames) return null;
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [this.canvas.width, this.canvas.height];
    copy.getContext("2d").drawImage(this.canvas, 0, 0);
    return copy;
  }

  #say(state) {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }

  async #run(url, stopped) {
    for (let failures = 0; !stopped.aborted; failures++) {
      const seen = this.frames;
      try {
        await this.#read(url, stopped);
      } catch {
        // unreachable, refused, cut off or stalled: "lost" to a visitor
      }
      if (stopped.aborted) return;
      this.#say("lost");
      if (this.frames > seen) failures = 0;
      await new Promise((done) => setTimeout(done, RETRY_MS[Math.min(failures, 3)]));
    }
  }

  async #read(url, stopped) {
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    stopped.addEventListener("abort", abort);
    let stall = setTimeout(abort, STALL_MS);
    try {
      const response = await fetch(reachable(await this.open(url)), { signal: attempt.signal, cache: "no-store" });
      if (!response.ok) throw new Error(`video: HTTP ${response.status}`);
      const parts = new PartReader(response.headers.get("content-type"));
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const whole = parts.push(value);
        if (!whole.length) continue;
        clearTimeout(stall);
        stall = setTimeout(abort, STALL_MS);
        this.#offer(whole.at(-1), stopped);
      }
    } finally {
      clearTimeout(stall);
      stopped.removeEventListener("abort", abort);
      attempt.abort();
    }
  }

  /** Decodes the newest frame; of those that arrive meanwhile only the last is kept. */
  async #offer(part, stopped) {
    this.next = part;
    if (this.decoding) return;
    this.decoding = true;
    while (this.next && !stopped.aborted) {
      const { head, body } = this.next;
      this.next = null;
      try {
        const bitmap = await createImageBitmap(new Blob([body], { type: "image/jpeg" }));
        this.#draw(bitmap, stopped);
        if (!stopped.aborted) this.onPicture(head);
      } catch {
        // one damaged frame: wait for the next
      }
    }
    this.decoding = false;
  }

  #draw(bitmap, stopped) {
    if (!stopped.aborted) {
      const { canvas } = this;
      if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
        [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
      }
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      this.frames++;
      canvas.dataset.frames = this.frames;
      this.#say("live");
    }
    bitmap.close();
  }
}
