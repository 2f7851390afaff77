/** The arithmetic behind the networks against Python's, from Python's own points: no network runs here. */

import { expect, test } from "vitest";
import { assign } from "../../src/engine/association.ts";
import { OpenBaseline } from "../../src/engine/baseline.ts";
import { BlinkStream, detectBlinks } from "../../src/engine/blinks.ts";
import { CAUTION, calibrate } from "../../src/engine/calibration.ts";
import { back, fit } from "../../src/engine/canvas.ts";
import { ENLARGED, LONGEST } from "../../src/engine/detector.ts";
import { readLids } from "../../src/engine/eyeKit.ts";
import { boxAround, type Face } from "../../src/engine/face.ts";
import { CODE } from "../../src/engine/gazeEncoder.ts";
import { headPose } from "../../src/engine/headPose.ts";
import { SIZE } from "../../src/engine/landmarker.ts";
import { RegardSmoother } from "../../src/engine/regardSmoother.ts";
import { fitGuarded } from "../../src/engine/ridge.ts";
import { rotationToAngles } from "../../src/engine/rotation.ts";
import { toMillimetres, type Screen } from "../../src/engine/screen.ts";
import { best } from "../../src/engine/suppression.ts";
import { TARGETS } from "../../src/engine/targets.ts";
import { Tracker } from "../../src/engine/tracker.ts";
import type { Blink } from "../../src/engine/types.ts";
import { cut, viewMatrix } from "../../src/engine/view.ts";
import { array, block, doubles, rows, still, told } from "./fixture.ts";

const numbers = told.stills.map((_, i) => i);

function faceOf(number: number, i: number): Face {
  const points = block(`still${number}.points`, i);
  return {
    points, visibility: block(`still${number}.visibility`, i), sigma: block(`still${number}.sigma`, i),
    box: boxAround(points), score: 1, id: 0,
  }; // prettier-ignore
}

test.each(numbers)("still %i: the detector's canvas is that of cv2.resize to a level", (number) => {
  const canvas = fit(still(number), LONGEST, ENLARGED), wanted = array(`still${number}.canvas`);
  const [high, wide] = told.arrays[`still${number}.canvas`].shape;
  expect([Math.ceil(canvas.rows / 16), Math.ceil(canvas.columns / 16)]).toEqual([high, wide]);
  let off = 0, most = 0;
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++)
      for (let k = 0; k < 3; k++) {
        const ours = canvas.planes[k * canvas.rows * canvas.columns + 16 * y * canvas.columns + 16 * x];
        const away = Math.abs(ours - wanted[(y * wide + x) * 3 + k]);
        off += away / (high * wide * 3);
        most = Math.max(most, away);
      }
  expect(most).toBeLessThanOrEqual(1);
  expect(off).toBeLessThan(0.01);
});

test("a canvas's edge is the picture's edge", () => {
  const row = Float32Array.from({ length: 15 }, (_, i) => (i === 4 ? 0.9 : 319.5));
  back(row, [0.5, 2]);
  expect([...row].slice(0, 6)).toEqual([639.5, 159.5, 639.5, 159.5, Math.fround(0.9), 639.5]);
});

test.each(numbers)("still %i: the crop is that of cv2.warpAffine", (number) => {
  const five = Float64Array.from(block(`still${number}.five`, 0));
  const crop = new Uint8Array(SIZE * SIZE * 3), matrix = viewMatrix(five, SIZE);
  if (!matrix) throw new Error("no view");
  cut(still(number), matrix, SIZE, crop, 0);
  const wanted = array(`still${number}.crop`);
  let different = 0, most = 0;
  crop.forEach((value, i) => {
    const away = Math.abs(value - wanted[i]);
    if (away) different += 1 / crop.length;
    most = Math.max(most, away);
  });
  expect(most).toBeLessThanOrEqual(1);
  expect(different).toBeLessThan(0.001);
});

test("one box per face: doubles go, and boxes inside a better one, wherever they stand in the list", () => {
  const row = (score: number, ...box: number[]) => Float32Array.from([...box, score, ...new Array(10).fill(0)]);
  const face = row(0.9, 0, 0, 100, 100), doubled = row(0.8, 10, 10, 105, 105), inside = row(0.7, 30, 30, 60, 60);
  const other = row(0.95, 200, 0, 300, 100), beside = row(0.75, 80, 0, 180, 100);
  expect(best([inside, doubled, face, beside, other])).toEqual([other, face, beside]);
});

test("points in one place admit no view", () => {
  expect(viewMatrix(new Float64Array(10).fill(3), SIZE)).toBeNull();
  expect(viewMatrix(new Float64Array(10).fill(NaN), SIZE)).toBeNull();
});

test.each(numbers)("still %i: pose and lids from Python's points", (number) => {
  const image = still(number);
  told.stills[number].pose.forEach((pose, i) => {
    const face = faceOf(number, i), ours = headPose(face, image.width, image.height);
    [ours.yaw, ours.pitch, ours.roll].forEach((angle, k) => expect(angle).toBeCloseTo(pose[k], 3));
    ours.translation.forEach((mm, k) => expect(mm).toBeCloseTo(pose[3 + k], 1));
    const lids = readLids(image, face, ours.yaw);
    const found = [...lids.angles, lids.opening, ...lids.trust];
    found.forEach((value, k) => expect(value).toBeCloseTo(told.stills[number].lids[i][k], 3));
  });
});

test("points that are not finite have no pose", () => {
  const face = faceOf(0, 0);
  face.points[3 * 10] = NaN;
  expect(headPose(face, 640, 480).yaw).toBeNaN();
});

test("angles of a known rotation", () => {
  const s = Math.sin(0.3), c = Math.cos(0.3); // about y: yaw alone
  const [yaw, pitch, roll] = rotationToAngles([c, 0, s, 0, 1, 0, -s, 0, c]);
  expect(yaw).toBeCloseTo((0.3 * 180) / Math.PI, 10);
  expect([pitch, roll].map(Math.abs)).toEqual([0, 0]);
});

function same(ours: readonly Blink[], theirs: readonly number[][]): void {
  expect(ours).toHaveLength(theirs.length);
  ours.forEach((blink, i) => {
    const mine = [blink.start, blink.end, blink.peak, blink.amplitude];
    mine.forEach((value, k) => expect(value).toBeCloseTo(theirs[i][k], 6));
  });
}

test.each(told.curves.map((curve, i) => [curve.script, i] as const))("blinks of curve %s (%i) are Python's", (_, i) => {
  const seconds = doubles(`curve${i}.seconds`), opening = doubles(`curve${i}.opening`);
  same(detectBlinks(seconds, opening), told.curves[i].blinks);
  if (i < 2) return; // long ones: the stream is looked at on the others
  const stream = new BlinkStream();
  let found: Blink[] = [];
  seconds.forEach((time, k) => (found = stream.next(time, opening[k])));
  // the last frames may still wait for their turn
  const settled = told.curves[i].blinks.filter((blink) => blink[1] < seconds[seconds.length - 1] - 1);
  expect(found.filter((blink) => blink.end < seconds[seconds.length - 1] - 1)).toHaveLength(settled.length);
});

test("a stream of four minutes counts what the whole curve has, and forgets what it need not know", { timeout: 60_000 }, () => {
  const once = doubles("curve2.opening"), seconds: number[] = [], opening: number[] = [];
  for (let round = 0; round < 6; round++) once.forEach((value) => opening.push(value));
  opening.forEach((_, i) => seconds.push(i / 15));
  const stream = new BlinkStream();
  let found: Blink[] = [];
  seconds.forEach((time, i) => (found = stream.next(time, opening[i])));
  const whole = detectBlinks(Float64Array.from(seconds), Float64Array.from(opening));
  expect(Math.abs(found.length - whole.length)).toBeLessThanOrEqual(2);
  found.slice(1).forEach((blink, i) => expect(blink.start).toBeGreaterThan(found[i].start));
});

test("too few frames per second give no blinks", () => {
  const seconds = Float64Array.from({ length: 60 }, (_, i) => i / 6);
  expect(detectBlinks(seconds, seconds.map((_, i) => (i % 20 < 2 ? 40 : 80)))).toEqual([]);
});

test("closure of the clip's eyes is PersonBaseline's", () => {
  const eyes = [new OpenBaseline(), new OpenBaseline()];
  told.clip.frames.forEach((frame, i) =>
    eyes.forEach((eye, side) => {
      expect(eye.closure(i / told.clip.fps, frame.lids[0][side])).toBeCloseTo(frame.closure[0][side], 9);
    }),
  );
  expect(eyes[0].closure(9, NaN)).toBeNaN();
});

const [width, height, cameraX, cameraAbove] = told.smoother.screen;
const SCREEN: Screen = { width, height, cameraX, cameraAbove };

test("the guard's caution is the embedded encoder's", () => {
  expect(CAUTION).toBe(told.caution);
});

test.each(told.gaze.map((session, i) => [session.case, i] as const))("calibration %s (%i)", (_, i) => {
  const embeddings = rows(`gaze${i}.embedding`), targets = rows(`gaze${i}.targets`), { kind, left_out } = told.gaze[i];
  const samples = embeddings.map((row, k) => ({
    embedding: Float32Array.from(row), target: [targets[k][0], targets[k][1]] as [number, number],
  })); // prettier-ignore
  const calibration = calibrate(samples, SCREEN);
  expect(calibration.points).toBe(told.gaze[i].targets);
  rows(`gaze${i}.probe`).forEach((row, k) => {
    const [x, y] = calibration.predict(Float32Array.from(row)), wanted = rows(`gaze${i}.expected`)[k];
    expect(Math.abs(x - wanted[0])).toBeLessThan(1e-4);
    expect(Math.abs(y - wanted[1])).toBeLessThan(1e-4);
  });
  if (!(kind in left_out)) return;
  const distance = embeddings.reduce((sum, row) => sum + row[CODE + 2], 0) / embeddings.length;
  const share = (left_out[kind] * distance) / Math.hypot(SCREEN.width, SCREEN.height);
  expect(calibration.errorOfScreen).toBeCloseTo(share, 6);
});

test("what does not help is not applied", () => {
  expect(told.gaze.map((session) => session.kind)).toEqual(["ridge", "constant", "none", "constant", "ridge"]);
  const none = 2;
  const embeddings = rows(`gaze${none}.embedding`), targets = rows(`gaze${none}.targets`);
  const wanted = embeddings.map((row, i): [number, number] => {
    const [x, y] = toMillimetres([targets[i][0], targets[i][1]], SCREEN);
    return [x / row[CODE + 2] - row[CODE], y / row[CODE + 2] - row[CODE + 1]];
  });
  const group = targets.map(([x, y]) => 10 * x + 100 * y);
  const found = fitGuarded(embeddings.map((row) => row.slice(0, CODE + 2)), wanted, group, CAUTION);
  expect(found.kind).toBe("none");
  expect(found.constant).toEqual([0, 0]);
});

test("nothing to calibrate with is an error", () => {
  expect(() => calibrate([])).toThrow("calibrate once more");
});

test("the smoother is Python's Kalman filter, over gaps and jumps", () => {
  const smoother = new RegardSmoother(told.smoother.noise), seconds = doubles("smoother.seconds");
  rows("smoother.points").forEach((point, i) => {
    const [x, y] = smoother.next([point[0], point[1]], seconds[i]), wanted = rows("smoother.expected")[i];
    expect(x).toBeCloseTo(wanted[0], 6);
    expect(y).toBeCloseTo(wanted[1], 6);
  });
});

test("targets are those of nasion.gaze.targets", () => {
  expect(TARGETS.nine).toEqual(told.nine);
  expect(TARGETS.five).toEqual(told.five);
  for (const [seconds, x, y] of told.pursuit) {
    expect(TARGETS.pursuit(seconds)[0]).toBeCloseTo(x, 9);
    expect(TARGETS.pursuit(seconds)[1]).toBeCloseTo(y, 9);
  }
});

function faceFrom(row: number[]): Face {
  return {
    id: row[0], score: row[1], box: [row[2], row[3], row[4], row[5]], points: Float32Array.from(row.slice(6)),
    visibility: new Float32Array(0), sigma: new Float32Array(0),
  }; // prettier-ignore
}

test("three people who cross, hide and come back keep the ids that Python gives them", () => {
  const tracker = new Tracker();
  for (const frame of told.tracker.frames) {
    expect(tracker.due()).toBe(frame.due);
    const candidates = tracker.candidates(frame.seconds, frame.detections?.map(faceFrom) ?? null);
    expect(candidates.map((face) => face.id)).toEqual(frame.candidates.map((row) => row[0]));
    candidates.forEach((face, i) =>
      [...face.box, ...face.points].forEach((value, k) => expect(Math.abs(value - frame.candidates[i][2 + k])).toBeLessThan(0.1)),
    );
    const given = tracker.update(frame.seconds, frame.placed.map(faceFrom));
    expect(given.map((face) => face.id)).toEqual(frame.given.map((row) => row[0]));
  }
});

test("the cheapest assignment, also where there are more rows than columns", () => {
  expect(assign([[4, 1, 3], [2, 0, 5], [3, 2, 2]])).toEqual([[0, 1], [1, 0], [2, 2]]); // prettier-ignore
  expect(assign([[9], [1], [5]])).toEqual([[1, 0]]);
});
