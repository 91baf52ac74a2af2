import assert from "node:assert/strict";
import { test } from "node:test";
import { Trial } from "../../../static/try/trial.js";
import { MAX_IMAGE_BYTES, TOO_LARGE } from "../../../static/try/words.js";

const image = (name) => new File([name], name);
const refused = (problem) => Object.assign(new Error(problem.message), { problem });

/** A trial whose requests `answer(path, name)` answers, and the requests that were made. */
function trialWith(answer) {
  const asked = [];
  const post = async (path, form) => {
    const { name } = form.get("image");
    asked.push(`${path} ${name}`);
    return answer(path, name);
  };
  return { trial: new Trial({ post, changed() {} }), asked };
}

const outcomes = (trial, path) => trial.images.map((each) => each.outcomes.get(path));

test("each image is tried on each model, once", async () => {
  const { trial, asked } = trialWith((path, name) => path + name);
  await trial.choose(["A"]);
  await trial.add([image("1"), image("2")]);
  await trial.choose(["A", "B"]);
  assert.deepEqual(asked, ["A 1", "A 2", "B 1", "B 2"]);
  assert.deepEqual(outcomes(trial, "B"), [{ answer: "B1" }, { answer: "B2" }]);
  await trial.add([image("3")]);
  assert.deepEqual(asked.slice(4), ["A 3", "B 3"]);
  assert.deepEqual(
    trial.images.map(({ name }) => name),
    ["3", "1", "2"],
  );
});

test("an image that cannot be read does not keep the others from being tried", async () => {
  const problem = { code: 422, message: "These images cannot be read", errors: { bad: ["it is truncated"] } };
  const { trial } = trialWith((_, name) => {
    if (name === "bad") throw refused(problem);
    return name;
  });
  const folder = { name: "folder", size: 0, arrayBuffer: () => Promise.reject(new Error("NotReadableError")) };
  const large = { name: "large", size: MAX_IMAGE_BYTES + 1 };
  await trial.choose(["A"]);
  await trial.add([image("bad"), folder, large, image("good")]);
  const [bad, unreadable, tooLarge, good] = outcomes(trial, "A");
  assert.match(bad.problem, /truncated/);
  assert.match(unreadable.problem, /folder/);
  assert.deepEqual([tooLarge, good], [{ problem: TOO_LARGE }, { answer: "good" }]);
});

test("a model that is refused is not asked again until a person chooses it again", async () => {
  let isBusy = true;
  const { trial, asked } = trialWith((path) => {
    if (path === "A" && isBusy) throw refused({ code: 503, message: "Busy", errors: {} });
    return path;
  });
  await trial.choose(["A", "B"]);
  await trial.add([image("1"), image("2")]);
  assert.deepEqual(asked, ["A 1", "B 1", "B 2"]);
  assert.deepEqual([...trial.refusals], [["A", "Busy"]]);
  assert.equal(trial.numWaiting, 0);
  isBusy = false;
  await trial.choose(["A", "B"]);
  assert.deepEqual(asked.slice(3), ["A 1", "A 2"]);
  assert.equal(trial.refusals.size, 0);
});

test("images that are cleared are not tried", async () => {
  const { trial, asked } = trialWith((path) => {
    trial.clear();
    return path;
  });
  await trial.choose(["A", "B"]);
  await trial.add([image("1"), image("2")]);
  assert.deepEqual(asked, ["A 1"]);
});
