/** The engine with the embedded networks, in wasm, against what Python read in the same rendered heads. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEngine } from "../../src/engine/engine.ts";
import { FaceDetector } from "../../src/engine/detector.ts";
import { faceSize, type Face } from "../../src/engine/face.ts";
import { readLids } from "../../src/engine/eyeKit.ts";
import { floatGraph } from "../../src/engine/floatGraph.ts";
import { GazeEncoder } from "../../src/engine/gazeEncoder.ts";
import { headPose } from "../../src/engine/headPose.ts";
import { Landmarker } from "../../src/engine/landmarker.ts";
import { Model, startRuntime } from "../../src/engine/model.ts";
import type { Engine } from "../../src/engine/types.ts";
import { address, apart, block, frames, model, rows, still, told } from "./fixture.ts";

const LONG = { timeout: 120_000 };
let detector: FaceDetector, landmarker: Landmarker, encoder: GazeEncoder, loaded: Model[];

beforeAll(async () => {
  startRuntime("", 1);
  loaded = [];
  for (const name of ["detector", "landmarker", "gaze_encoder"]) loaded.push(await Model.load(floatGraph(model(name))));
  [detector, landmarker, encoder] = [new FaceDetector(loaded[0]), new Landmarker(loaded[1]), new GazeEncoder(loaded[2])];
}, LONG.timeout);

afterAll(async () => {
  for (const one of loaded) await one.close();
});

/** Detections with their points placed. */
async function placed(number: number, by: Landmarker): Promise<Face[]> {
  const image = still(number), found = await detector.detect(image);
  const placements = await by.place(image, found, 2);
  return found.map((face, i) => {
    const place = placements[i];
    if (!place) throw new Error("a detection without a view");
    return { ...face, ...place, score: place.presence };
  });
}

describe.each(told.stills.map((_, i) => i))("still %i", (number) => {
  const expected = told.stills[number];

  test("detections", LONG, async () => {
    const found = await detector.detect(still(number));
    expect(found).toHaveLength(expected.detections.length);
    found.forEach((face, i) => {
      [...face.box, face.score].forEach((value, k) => expect(Math.abs(value - expected.detections[i][k])).toBeLessThan(0.15));
      expect(apart(face.points, block(`still${number}.five`, i), 2, 2).most).toBeLessThan(0.15);
    });
  });

  test("points, pose, lids and gaze", LONG, async () => {
    const image = still(number), faces = await placed(number, landmarker);
    const poses = faces.map((face) => headPose(face, image.width, image.height));
    faces.forEach((face, i) => {
      const off = apart(face.points, block(`still${number}.points`, i), 3, 2);
      console.log(`still ${number}: points off by ${off.mean.toFixed(4)} px on average, ${off.most.toFixed(3)} at most`);
      expect(off.mean).toBeLessThan(0.05);
      expect(off.most).toBeLessThan(0.5);
      expect(Math.abs(face.score - expected.presence[i])).toBeLessThan(0.01);
      const seen = block(`still${number}.visibility`, i), sigma = block(`still${number}.sigma`, i);
      expect(apart(face.visibility, seen, 1, 1).most).toBeLessThan(0.05);
      expect(apart(face.sigma, sigma, 1, 1).most).toBeLessThan(0.1);
      [poses[i].yaw, poses[i].pitch, poses[i].roll].forEach((angle, k) =>
        expect(Math.abs(angle - expected.pose[i][k])).toBeLessThan(0.5),
      );
      readLids(image, face, poses[i].yaw).angles.forEach((angle, k) =>
        expect(Math.abs(angle - expected.lids[i][k])).toBeLessThan(0.5),
      );
    });
    const gaze = await encoder.encode(faces, poses, image.width, image.height);
    expect(gaze.map((one, i) => (one ? i : -1)).filter((i) => i >= 0)).toEqual(expected.looks);
    gaze.forEach((one, i) => {
      const wanted = rows(`still${number}.embedding`)[expected.looks.indexOf(i)];
      one?.forEach((value, k) => expect(Math.abs(value - wanted[k])).toBeLessThan(0.002 * Math.max(1, Math.abs(wanted[k]))));
    });
  });
});

test("the landmarker as shipped, in 8 bits, says what the one in floats says", LONG, async () => {
  const exact = model("landmarker");
  expect(floatGraph(exact).length).toBeLessThan(exact.length);
  const shipped = await Model.load(exact), inBits = new Landmarker(shipped);
  for (const number of [0, 2, 3]) {
    const [face] = await placed(number, inBits), wanted = block(`still${number}.shipped`, 0);
    const size = faceSize(face), off = apart(face.points, wanted, 3, 2);
    const floats = apart(wanted, block(`still${number}.points`, 0), 3, 2);
    console.log(
      `still ${number}, in % of the face: 8 bits here and in Python ${((100 * off.mean) / size).toFixed(3)} apart, ` +
        `8 bits and floats in Python ${((100 * floats.mean) / size).toFixed(3)}`,
    );
    expect(off.mean / size).toBeLessThan(0.003);
    expect(floats.mean / size).toBeLessThan(0.003);
  }
  await shipped.close();
});

test("a graph without 8 bits stays as it is", () => {
  const detectorFile = model("detector");
  expect(Buffer.compare(Buffer.from(floatGraph(detectorFile)), Buffer.from(detectorFile))).toBe(0);
});

test("the clip: one id, Python's points, pose and lids, frame after frame", LONG, async () => {
  const addresses = ["detector", "landmarker", "gaze_encoder"].map((name) => address(model(name)));
  const [d, l, g] = addresses;
  const engine: Engine = await createEngine({ detector: d, landmarker: l, gazeEncoder: g }, { wasmPaths: "", threads: 1 });
  expect(engine.providers).toEqual(["wasm, 1 thread"]);
  let number = 0;
  const worst = { points: 0, pose: 0, lids: 0 };
  for (const image of frames()) {
    const expected = told.clip.frames[number];
    const reading = await engine.frame(image, number / told.clip.fps);
    expect(reading.faces.map((face) => face.id)).toEqual(expected.ids);
    const [face] = reading.faces;
    expect(Math.abs(face.score - expected.scores[0])).toBeLessThan(0.05);
    if (number % told.clip.every === 0) {
      const off = apart(face.points, block("clip.points", number / told.clip.every), 3, 2);
      worst.points = Math.max(worst.points, off.mean);
    }
    [face.pose.yaw, face.pose.pitch, face.pose.roll].forEach((angle, k) => {
      worst.pose = Math.max(worst.pose, Math.abs(angle - expected.pose[0][k]));
    });
    [face.left, face.right].forEach((eye, side) => {
      worst.lids = Math.max(worst.lids, Math.abs(eye.angle - expected.lids[0][side]));
      expect(Math.abs(1 - eye.openness - expected.closure[0][side])).toBeLessThan(0.02);
    });
    number += 1;
  }
  console.log(`clip: points off by ${worst.points.toFixed(3)} px, pose ${worst.pose.toFixed(2)}, lids ${worst.lids.toFixed(2)} degrees`);
  expect(worst.points).toBeLessThan(0.05);
  expect(worst.pose).toBeLessThan(0.5);
  expect(worst.lids).toBeLessThan(0.5);
  engine.reset();
  const first = frames().next().value;
  if (!first) throw new Error("the fixture has no frames");
  expect((await engine.frame(first, 0)).faces.map((face) => face.id)).toEqual([0]); // ids begin anew
  await engine.close();
});
