// The sounds of trials: fetched once, and those of the next trial while this one plays.

import { bytes, persist } from "./net.js";

const PARTS = { headphones: ["tones"], training: ["a", "b", "reference"], pair: ["a", "b", "reference"] };
const TROUBLE = "The sounds could not be loaded.";

export class Sounds {
  #player;
  #loading = new Map(); // path -> Promise of an AudioBuffer

  constructor(player) {
    this.#player = player;
  }

  // The sounds of `trial` by name, as soon as they are there.
  async of(trial) {
    const parts = PARTS[trial.phase];
    const load = () => Promise.all(parts.map((part) => this.#load(trial.id, part)));
    const buffers = await persist(TROUBLE, load);
    return Object.fromEntries(parts.map((part, index) => [part, buffers[index]]));
  }

  // One sound that is no trial's turn yet.
  sample(id) {
    return persist(TROUBLE, () => this.#load(id, "reference"));
  }

  // Load what will be needed, and forget all but that and `trial`.
  prepare(trial, next) {
    const kept = [trial, next].filter(Boolean).map((one) => one.id);
    for (const path of this.#loading.keys()) if (!kept.includes(path.split("/")[2])) this.#loading.delete(path);
    if (next) for (const part of PARTS[next.phase]) this.#load(next.id, part).catch(() => {});
  }

  #load(id, part) {
    const path = `/audio/${id}/${part}`;
    if (!this.#loading.has(path)) {
      const sound = bytes(path).then((content) => this.#player.decode(content));
      sound.catch(() => this.#loading.delete(path));
      this.#loading.set(path, sound);
    }
    return this.#loading.get(path);
  }
}
