import { expect, test } from "vitest";
import { LidCounter, mainFace, openness } from "../../src/logic/lids.ts";
import { blink, face } from "./face.ts";

test("blinks are counted once, and as a rate of the last minute", () => {
  const counter = new LidCounter();
  for (let i = 0; i <= 900; i++) {
    const seconds = i / 10;
    const blinks = [5, 15, 25, 35, 45, 55, 65, 75, 85].filter((at) => at + 0.3 < seconds).map(blink);
    counter.add(face({ blinks }), seconds);
  }
  const { blinks, rate } = counter.figures();
  expect(blinks).toBe(9);
  expect(rate).toBeCloseTo(6, 0); // one in ten seconds
});

test("nothing is said of the first ten seconds", () => {
  const counter = new LidCounter();
  for (let i = 0; i < 90; i++) counter.add(face(), i / 10);
  expect(counter.figures()).toEqual({ blinks: 0, rate: null, shut: null });
});

test("the share of shut lids leaves out times without a face and gaps between frames", () => {
  const counter = new LidCounter();
  for (let i = 0; i < 200; i++) counter.add(face({ open: i % 10 < 2 ? 0.1 : 0.9 }), i / 10);
  for (let i = 200; i < 300; i++) counter.add(null, i / 10);
  counter.add(face({ open: 0 }), 45); // fifteen seconds after the last frame: no time with shut lids
  expect(counter.figures().shut).toBeCloseTo(0.2, 1);
});

test("a new identity goes on counting, one that comes back is not counted twice", () => {
  const counter = new LidCounter();
  counter.add(face({ id: 1, blinks: [blink(1)] }), 2);
  counter.add(face({ id: 2, blinks: [blink(3)] }), 4);
  counter.add(face({ id: 1, blinks: [blink(1)] }), 5);
  expect(counter.figures().blinks).toBe(2);
});

test("an eye that is not seen does not count", () => {
  const hidden = { openness: 0, angle: 0, reliability: 0.2 };
  expect(openness(face({ left: hidden, open: 0.8 }))).toBeCloseTo(0.8);
  expect(openness(face({ left: hidden, right: hidden }))).toBeNull();
});

test("the largest face is read", () => {
  const small = face({ id: 1, box: [0, 0, 10, 10] });
  const large = face({ id: 2, box: [0, 0, 50, 60] });
  expect(mainFace([small, large])?.id).toBe(2);
  expect(mainFace([])).toBeNull();
});
