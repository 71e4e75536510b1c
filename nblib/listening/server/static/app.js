// The way through the test: welcome, volume, then trial by trial as the server says, thanks.

import { askTones } from "./headphones.js";
import { RequestError, get, persist, post } from "./net.js";
import { askPair } from "./pair.js";
import { Player } from "./player.js";
import { Sounds } from "./sounds.js";
import { $, alertAndWait, listen, onPress, progress, say, show } from "./view.js";

const player = new Player();
const sounds = new Sounds(player);

const counted = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;

async function welcome(test) {
  const plan = [
    test.headphoneTrials && `Headphone check: ${counted(test.headphoneTrials, "short question")} on tones`,
    test.trainingPairs && `Trial run: ${counted(test.trainingPairs, "pair")} that ${test.trainingPairs === 1 ? "does" : "do"} not count`,
    `The test: ${counted(test.pairs, "pair")}`,
  ];
  $("#plan").replaceChildren(
    ...plan.filter(Boolean).map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
  $("#welcome-question").textContent = test.question;
  $("#minutes").textContent = counted(test.minutes, "minute");
  show("welcome");
  return new Promise((resolve) => {
    $("#start").onsubmit = async (event) => {
      event.preventDefault();
      const button = $("#start button");
      if (button.disabled) return;
      button.disabled = true;
      player.wake();
      try {
        const name = $("#name").value;
        resolve(await persist("You could not be signed in.", () => post("/api/start", { name })));
      } catch (error) {
        say(error.message);
        $("#name").focus();
      } finally {
        button.disabled = false;
      }
    };
  });
}

async function volume(test, state) {
  const again = state.answered > 0;
  $("#volume h1").textContent = again ? `Welcome back, ${state.name}` : "Set your volume";
  $("#volume-lead").textContent = again
    ? `${counted(state.answered, "answer")} of ${state.pairs} ${state.answered === 1 ? "is" : "are"} stored. You go on where you were.`
    : "";
  $("#volume-lead").hidden = !again;
  progress(state.name);
  say("");
  show("volume");
  const repaint = () => {
    $("#sample").setAttribute("aria-pressed", String(player.playing));
    $("#sample-label").textContent = player.playing ? "Stop" : "Play a sample";
  };
  const toggle = async () => {
    player.wake();
    if (player.playing) player.pause();
    else {
      player.put({ reference: await sounds.sample(state.sample) });
      player.hear("reference");
    }
    repaint();
  };
  await new Promise((resolve, reject) => {
    onPress($("#sample"), () => toggle().catch(reject));
    onPress($("#volume-done"), resolve);
  });
  player.wake();
  player.pause();
  repaint();
}

const STEPS = { headphones: "Headphone check", training: "Trial run", pair: "Pair" };

async function ask(test, { trial, next, answered, pairs }) {
  const whole = trial.of === 1 ? "" : ` ${trial.number} of ${trial.of}`;
  progress(STEPS[trial.phase] + whole, answered / pairs);
  const buffers = sounds.of(trial);
  buffers.then(() => sounds.prepare(trial, next), () => {});
  const view = trial.phase === "headphones" ? askTones(trial, player, buffers) : askPair(test, trial, player, buffers);
  const { choice, seconds } = await view;
  const state = await persist("Your answer is not stored yet.", () =>
    choice === null ? post("/api/headphones/skip") : post(`/api/trials/${trial.id}/answer`, { choice, seconds }),
  );
  say("");
  return state;
}

function thanks(state) {
  $("#thanks-name").textContent = `, ${state.name}`;
  $("#thanks-count").textContent = `All your ${counted(state.answered, "answer")} are stored.`;
  progress("Done", 1);
  say("");
  show("thanks");
}

async function takePart() {
  const test = await persist("The test could not be loaded.", () => get("/api/test"));
  let state = test.started
    ? await persist("The test could not be loaded.", () => get("/api/state"))
    : await welcome(test);
  if (state.trial) await volume(test, state);
  while (state.trial) {
    try {
      state = await ask(test, state);
    } catch (error) {
      // Another tab of this browser is ahead: go where it is.
      if (!(error instanceof RequestError) || ![404, 409].includes(error.status)) throw error;
      state = await persist("The test could not be loaded.", () => get("/api/state"));
    }
  }
  thanks(state);
}

try {
  await takePart();
} catch (error) {
  listen({});
  await alertAndWait(`The test cannot go on: ${error.message}`);
  location.reload();
}
