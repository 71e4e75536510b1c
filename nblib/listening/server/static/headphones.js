// The headphone check: three tones, one of them softer.

import { $, $$, listen, onPress, say, show } from "./view.js";

const PLAYING = { true: "Playing …", false: "Play the tones" };

// Resolves to {choice, seconds}; choice is null where there are no headphones. `buffers` is the promise of the sound.
export async function askTones(trial, player, buffers) {
  let played = false;
  let ready = false;
  const repaint = () => {
    $("#tones").disabled = !ready;
    $("#tones").setAttribute("aria-pressed", String(player.playing));
    $("#tones-label").textContent = PLAYING[player.playing];
    for (const button of $$("#tone-choices button")) button.disabled = !played;
    $("#tones-hint").textContent = played ? "You may play them again." : "Play the tones before you answer.";
  };
  listen({});
  repaint();
  show("headphones");
  const shownAt = performance.now();
  const choice = await new Promise((resolve, reject) => {
    const choose = (value) => {
      if (played) resolve(value);
    };
    const play = () => {
      if (ready && !player.playing) player.hear("tones", false);
      repaint();
    };
    player.onend = () => {
      played = true;
      repaint();
    };
    onPress($("#tones"), play);
    onPress($("#no-headphones"), () => resolve(null));
    for (const button of $$("#tone-choices button")) onPress(button, () => choose(button.dataset.choice));
    listen({ " ": play, 1: () => choose("1"), 2: () => choose("2"), 3: () => choose("3") });
    buffers.then((sounds) => {
      player.put(sounds);
      ready = true;
      repaint();
    }, reject);
  });
  listen({});
  player.onend = () => {};
  player.pause();
  played = ready = false;
  repaint();
  say("");
  return { choice, seconds: (performance.now() - shownAt) / 1000 };
}
