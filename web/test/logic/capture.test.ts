import { expect, test } from "vitest";
import { Capture, FEWEST, still, weakSteps } from "../../src/logic/capture.ts";

const embedding = new Float32Array(3);

test("targets come one after the other, and count only once they are settled", () => {
  const capture = new Capture(still([[0.5, 0.5], [0.1, 0.1]], 1, 1));
  expect(capture.seconds).toBe(4);
  expect(capture.stage(0.5)).toMatchObject({ step: 0, target: [0.5, 0.5], capturing: false, share: 0.5 });
  expect(capture.stage(1.25)).toMatchObject({ step: 0, capturing: true, share: 0.25 });
  expect(capture.stage(2.1)).toMatchObject({ step: 1, target: [0.1, 0.1], capturing: false });
  expect(capture.stage(4)).toBeNull();
});

test("before the start nothing counts and the first target waits", () => {
  const capture = new Capture(still([[0.5, 0.5]], 1, 1));
  expect(capture.stage(-1)).toMatchObject({ step: 0, capturing: false });
  capture.add(-0.5, embedding);
  expect(capture.samples[0]).toHaveLength(0);
});

test("frames go to their target, shut eyes are left out", () => {
  const capture = new Capture(still([[0.5, 0.5], [0.1, 0.1]], 1, 1));
  for (const seconds of [0.5, 1.2, 1.6, 2.5, 3.5, 9]) capture.add(seconds, embedding);
  capture.add(1.8, null);
  capture.add(0.8, null); // not while it settles
  expect(capture.samples.map((step) => step.length)).toEqual([2, 1]);
  expect(capture.samples[1][0].target).toEqual([0.1, 0.1]);
  expect(capture.leftOut).toBe(1);
});

test("a target that moves is where it was when the frame was taken", () => {
  const capture = new Capture([{ place: (seconds) => [seconds / 10, 0.5], settle: 0.5, capture: 9.5 }]);
  capture.add(4, embedding);
  expect(capture.samples[0][0].target).toEqual([0.4, 0.5]);
});

test("weak is what has too few frames, or is far worse than usual; the worst comes first", () => {
  const many = Array.from({ length: 5 }, () => 30);
  expect(weakSteps(many, [0.05, 0.05, 0.05, 0.05, 0.05])).toEqual([]);
  expect(weakSteps(many, [0.05, 0.12, 0.05, 0.2, 0.05])).toEqual([3, 1]);
  expect(weakSteps([30, 30, FEWEST - 1, 30, 30], [0.05, 0.2, 0.05, 0.05, 0.05])).toEqual([2, 1]);
  expect(weakSteps(many, [0.002, 0.01, 0.002, 0.002, 0.002])).toEqual([]); // all of them are good
});
