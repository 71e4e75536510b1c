// Requests, and what to do when they fail: nothing is given up, the participant decides when to try again.

import { alertAndWait } from "./view.js";

const PATIENCE_MS = 20_000;

// `status` is 0 where there was no answer at all.
export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
  get mayPass() {
    return this.status === 0 || this.status >= 500;
  }
}

async function answered(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new RequestError(0, "The server cannot be reached.");
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw new RequestError(response.status, error ?? "The server answered with an error.");
}

async function read(path, options, take) {
  const response = await answered(path, options);
  try {
    return await take(response);
  } catch {
    throw new RequestError(0, "The connection broke off.");
  }
}

export const get = (path) => read(path, {}, (response) => response.json());

export const bytes = (path) => read(path, {}, (response) => response.arrayBuffer());

export const post = (path, content = {}) =>
  read(
    path,
    { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) },
    (response) => response.json(),
  );

// Do `work` until it succeeds; between tries `trouble` is shown with "Try again". What cannot pass is thrown.
export async function persist(trouble, work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RequestError) || !error.mayPass) throw error;
      await alertAndWait(`${trouble} ${error.message}`);
    }
  }
}
