// What several views share: which one is shown, the progress, the status line, the alert, keys.

export const $ = (selector) => document.querySelector(selector);
export const $$ = (selector) => [...document.querySelectorAll(selector)];

const RETRY_MS = 15_000;

export function show(name) {
  for (const section of $$("main > section")) section.hidden = section.id !== name;
  $(`#${name} h1`).focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

// `done` in 0..1, or null where there is nothing to show.
export function progress(text, done = null) {
  $("#step").textContent = text;
  $("#done").hidden = done === null;
  $("#done").value = done ?? 0;
}

export function say(text) {
  $("#status").textContent = text;
}

// Show a message until "Try again" is pressed, the connection is back, or some time has passed.
export function alertAndWait(text) {
  say("");
  $("#alert-text").textContent = text;
  $("#alert").hidden = false;
  $("#again").focus();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      $("#alert").hidden = true;
      resolve();
    };
    const timer = setTimeout(done, RETRY_MS);
    window.addEventListener("online", done);
    $("#again").onclick = done;
  });
}

// Call `act` on a click or a key's activation. A button that was clicked gives the focus back, so that the space bar
// means play and pause; one that was reached by Tab keeps it, and the space bar presses it.
export function onPress(button, act) {
  button.onclick = (event) => {
    if (event.detail > 0) button.blur();
    act();
  };
}

let keys = {};

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || target.closest("input")) return;
  if (event.key === " " && target.closest("button")) return;
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// Which keys do what, from now on.
export function listen(wanted) {
  keys = wanted;
}
