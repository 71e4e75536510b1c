// One pair: hear A, B and the original, then choose.

import { $, $$, listen, onPress, say, show } from "./view.js";

const NAMES = { a: "A", b: "B", reference: "the original" };
const TICK_MS = 40;
const CHOICE_KEYS = { ArrowLeft: "a", ArrowRight: "b", ArrowDown: "dont_know", d: "dont_know" };
const SOUND_KEYS = { 1: "a", a: "a", 2: "b", b: "b", 3: "reference", o: "reference" };

function notice(trial, training) {
  if (trial.phase === "training")
    return "A trial run: this one does not count. Switch between A, B and the original as often as you like.";
  return trial.number === 1 && training ? "The trial run is over: from now on your answers count." : "";
}

function hint(player, minimum) {
  const missing = ["a", "b"].filter((name) => !heardEnough(player, name, minimum)).map((name) => NAMES[name]);
  if (!missing.length) return "";
  const length = minimum >= 1 ? ` for ${minimum === 1 ? "a second" : `${minimum} seconds`}` : "";
  return `Listen to ${missing.join(" and ")}${length} before you answer.`;
}

function heardEnough(player, name, minimum) {
  const heard = player.heard(name);
  return heard > 0 && heard >= minimum;
}

function paint(player, minimum, ready, chosen) {
  for (const button of $$("#sounds button")) {
    const sound = button.dataset.sound;
    button.disabled = !ready;
    button.setAttribute("aria-pressed", String(player.playing && player.audible === sound));
    button.classList.toggle("heard", sound !== "reference" && ready && heardEnough(player, sound, minimum));
  }
  const open = ready && !chosen && !hint(player, minimum);
  for (const button of $$("#choices button")) {
    button.disabled = !open;
    button.classList.toggle("chosen", button.dataset.choice === chosen);
  }
  $("#play").disabled = !ready;
  $("#play").classList.toggle("playing", player.playing);
  $("#play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
  $("#pair-hint").textContent = ready && !chosen ? hint(player, minimum) || "Choose when you are ready." : "";
  $("#position").style.transform = `scaleX(${ready ? player.position / player.duration : 0})`;
  return open;
}

// Resolves to {choice, seconds}. `buffers` is the promise of the sounds.
export async function askPair(test, trial, player, buffers) {
  let ready = false;
  let chosen = null;
  const repaint = () => paint(player, test.minimumHeardSeconds, ready, chosen);
  listen({});
  $("#question").textContent = test.question;
  $("#notice").textContent = notice(trial, test.trainingPairs > 0);
  $("#notice").hidden = !$("#notice").textContent;
  repaint();
  show("pair");
  say("Loading the sounds …");
  const shownAt = performance.now();
  player.put(await buffers);
  ready = true;
  say("");

  const hear = (sound) => {
    player.hear(sound);
    say(`Playing ${NAMES[sound]}`);
    repaint();
  };
  const toggle = () => {
    if (!player.playing) return hear(player.audible ?? "a");
    player.pause();
    say("Paused");
    repaint();
  };
  const timer = setInterval(repaint, TICK_MS);
  const choice = await new Promise((resolve) => {
    const choose = (value) => {
      if (!repaint()) return;
      chosen = value;
      resolve(value);
    };
    for (const button of $$("#sounds button")) onPress(button, () => hear(button.dataset.sound));
    for (const button of $$("#choices button")) onPress(button, () => choose(button.dataset.choice));
    onPress($("#play"), toggle);
    const soundKeys = Object.entries(SOUND_KEYS).map(([key, sound]) => [key, () => hear(sound)]);
    const choiceKeys = Object.entries(CHOICE_KEYS).map(([key, value]) => [key, () => choose(value)]);
    listen({ " ": toggle, ...Object.fromEntries([...soundKeys, ...choiceKeys]) });
  });
  clearInterval(timer);
  listen({});
  player.pause();
  repaint();
  say("Storing your answer …");
  return { choice, seconds: (performance.now() - shownAt) / 1000 };
}
