// Draws what the car sees over its video: boxes with names, its lane, and its way. It is drawn at
// the screen's own resolution, whatever the picture's.

const LANE = "rgb(64 156 255 / 55%)";
const WAY = "rgb(74 200 96 / 40%)";
const COLOURS = { sign: "#fabe3c", car: "#8cc4ff", ahead: "#ff6b5e" };
/** Where the video is cut, as `object-position` in ride.css. */
const CUT = [0.5, 0.7];

/** Returns how a picture that covers a panel lies in it: `{ scale, left, top }` in pixels. */
export function covering(picture, panel, [x, y] = CUT) {
  const scale = Math.max(panel.width / picture.width, panel.height / picture.height);
  return {
    scale,
    left: (panel.width - picture.width * scale) * x,
    top: (panel.height - picture.height * scale) * y,
  };
}

export class Sight {
  /** @param {HTMLCanvasElement} canvas over `video`; `nameOf(sign)` is what a thing is called */
  constructor(canvas, video, nameOf) {
    Object.assign(this, { canvas, video, nameOf });
    this.isShown = true;
  }

  draw(thought) {
    const { canvas, video } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    if (!thought || !this.isShown || !width) return;
    const { scale, left, top } = covering(video, { width, height });
    const at = ([x, y]) => [left + x * video.width * scale, top + y * video.height * scale];
    fill(pen, (thought.way ?? []).map(at), WAY);
    fill(pen, (thought.lane ?? []).map(at), LANE);
    for (const thing of thought.seen ?? []) this.#box(pen, thing, at, ratio);
  }

  #box(pen, { sign, box: [l, t, r, b], ahead }, at, ratio) {
    const [[x0, y0], [x1, y1]] = [at([l, t]), at([r, b])];
    const colour = ahead ? COLOURS.ahead : sign === "Car" ? COLOURS.car : COLOURS.sign;
    pen.lineWidth = 3 * ratio;
    pen.strokeStyle = colour;
    pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
    const size = 14 * ratio;
    const name = this.nameOf(sign);
    pen.font = `700 ${size}px ${getComputedStyle(this.canvas).fontFamily}`;
    const wide = Math.min(pen.measureText(name).width + size, this.canvas.width);
    const x = Math.max(0, Math.min(x0 - pen.lineWidth / 2, this.canvas.width - wide));
    const y = y0 > size * 1.7 ? y0 - size * 1.6 : y1;
    pen.fillStyle = colour;
    pen.fillRect(x, y, wide, size * 1.6);
    pen.fillStyle = "#10172e";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(name, x + wide / 2, y + size * 0.85, wide);
  }
}

function fill(pen, points, colour) {
  if (points.length < 3) return;
  pen.beginPath();
  for (const [x, y] of points) pen.lineTo(x, y);
  pen.closePath();
  pen.fillStyle = colour;
  pen.fill();
}
