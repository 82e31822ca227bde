// The sound that calls a visitor from the line. Browsers allow sound only after a touch: `prepare`
// is called in one.

const NOTES_HZ = [523.25, 659.25, 783.99, 1046.5];
const NOTE_S = 0.16;

let context = null;

export function prepare() {
  context ??= globalThis.AudioContext ? new AudioContext() : null;
  context?.resume().catch(() => {}); // without sound there is still the light
}

export function ring() {
  if (context?.state !== "running") return;
  NOTES_HZ.forEach((hertz, i) => {
    const startS = context.currentTime + i * NOTE_S;
    const tone = new OscillatorNode(context, { type: "triangle", frequency: hertz });
    const gain = new GainNode(context, { gain: 0.25 });
    gain.gain.setTargetAtTime(0, startS + NOTE_S / 2, NOTE_S);
    tone.connect(gain).connect(context.destination);
    tone.start(startS);
    tone.stop(startS + 6 * NOTE_S);
  });
}
