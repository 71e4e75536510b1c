// Plays several sounds of one trial at once, of which one is heard, so that switching keeps the place to the sample.

const FADE_SECONDS = 0.01;
const LEAD_SECONDS = 0.02; // all sounds are set up by then, so that they start at the same sample

export class Player {
  #context = null;
  #voices = new Map(); // name -> {gain, source}
  #buffers = new Map();
  #out = null;
  #offset = 0;
  #startedAt = 0;
  #countedUntil = 0;
  #heard = {};

  audible = null; // name of what is heard, or would be if it played
  playing = false;
  onend = () => {};

  // Call it from a click or key: browsers let no page sound before, and phones take the sound away at times.
  wake() {
    this.#context ??= new AudioContext();
    if (this.#context.state !== "running") this.#context.resume().catch(() => {});
    return this.#context;
  }

  decode(bytes) {
    return this.#context.decodeAudioData(bytes);
  }

  // `buffers`: name -> AudioBuffer. What played before is stopped.
  put(buffers) {
    this.pause();
    this.#buffers = new Map(Object.entries(buffers));
    this.#heard = Object.fromEntries(Object.keys(buffers).map((name) => [name, 0]));
    this.#offset = 0;
    this.audible = null;
  }

  get duration() {
    return Math.min(...[...this.#buffers.values()].map((buffer) => buffer.duration));
  }

  // In seconds, within the sound.
  get position() {
    if (!this.playing) return this.#offset;
    return (this.#offset + Math.max(0, this.#context.currentTime - this.#startedAt)) % this.duration;
  }

  // Seconds for which `name` has sounded.
  heard(name) {
    this.#count();
    return this.#heard[name] ?? 0;
  }

  // Hear `name` from here on; starts if nothing plays.
  hear(name, loop = true) {
    this.wake();
    this.#count();
    this.audible = name;
    if (!this.playing) return this.#start(loop);
    for (const [other, voice] of this.#voices) this.#fade(voice.gain, other === name ? 1 : 0);
  }

  pause() {
    if (!this.playing) return;
    this.#count();
    this.#offset = this.position;
    this.playing = false;
    this.#fade(this.#out, 0);
    for (const { source } of this.#voices.values()) {
      source.onended = null;
      source.stop(this.#context.currentTime + 3 * FADE_SECONDS);
    }
    this.#voices.clear();
  }

  #start(loop) {
    const context = this.#context;
    this.#out = new GainNode(context, { gain: 0 });
    this.#out.connect(context.destination);
    this.#startedAt = context.currentTime + LEAD_SECONDS;
    this.#countedUntil = this.#startedAt;
    for (const [name, buffer] of this.#buffers) {
      const gain = new GainNode(context, { gain: name === this.audible ? 1 : 0 });
      const source = new AudioBufferSourceNode(context, { buffer, loop, loopEnd: this.duration });
      source.connect(gain).connect(this.#out);
      source.start(this.#startedAt, this.#offset);
      if (!loop) source.onended = () => this.#finish();
      this.#voices.set(name, { gain, source });
    }
    this.#fade(this.#out, 1, this.#startedAt);
    this.playing = true;
  }

  #finish() {
    this.pause();
    this.#offset = 0;
    this.onend();
  }

  // Needs no present value, which not every browser tells during a fade.
  #fade({ gain }, value, at = this.#context.currentTime) {
    gain.cancelScheduledValues(at);
    gain.setTargetAtTime(value, at, FADE_SECONDS / 3);
  }

  // The context's clock stands still while nothing reaches the ear, so that only sound counts.
  #count() {
    if (!this.playing) return;
    const now = this.#context.currentTime;
    this.#heard[this.audible] += Math.max(0, now - this.#countedUntil);
    this.#countedUntil = Math.max(now, this.#countedUntil);
  }
}
