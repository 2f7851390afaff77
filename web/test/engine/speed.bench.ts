/**
 * Time of each stage on a 640 x 480 picture with one large face: `npm run speed`, or `THREADS=2 npm run speed`.
 *
 * Milliseconds by the clock; with `CPU=1` those that processors worked for us, which is what a busy machine can say.
 * Nothing is asserted.
 */

import * as ort from "onnxruntime-web/wasm";
import { bench, describe } from "vitest";
import { FaceDetector } from "../../src/engine/detector.ts";
import { readLids } from "../../src/engine/eyeKit.ts";
import { boxAround, coarse5, type Face } from "../../src/engine/face.ts";
import { floatGraph } from "../../src/engine/floatGraph.ts";
import { GazeEncoder } from "../../src/engine/gazeEncoder.ts";
import { headPose } from "../../src/engine/headPose.ts";
import { Landmarker, SIZE } from "../../src/engine/landmarker.ts";
import { Model, startRuntime } from "../../src/engine/model.ts";
import { detectBlinks } from "../../src/engine/blinks.ts";
import { cut, viewMatrix, type Matrix } from "../../src/engine/view.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { address, doubles, model, still } from "./fixture.ts";

const runtime = startRuntime("", Number(process.env["THREADS"] ?? 1));
const [image, crop] = [still(0), new Uint8Array(SIZE * SIZE * 3)];
const models: Model[] = [];
for (const name of ["detector", "landmarker", "gaze_encoder"]) models.push(await Model.load(floatGraph(model(name))));
const shipped = await Model.load(model("landmarker"));
const inBits = await ort.InferenceSession.create(model("landmarker"), { logSeverityLevel: 3 });
const [detector, landmarker, encoder] = [new FaceDetector(models[0]), new Landmarker(models[1]), new GazeEncoder(models[2])];
const [found] = await detector.detect(image);
const [placed] = await landmarker.place(image, [found], 2);
if (!placed) throw new Error("no face in the fixture's first picture");
const face: Face = { ...found, ...placed, score: placed.presence, box: boxAround(placed.points) };
const view = viewMatrix(coarse5(face), SIZE) as Matrix, pose = headPose(face, 640, 480);
const [d, l, g] = ["detector", "landmarker", "gaze_encoder"].map((name) => address(model(name)));
const engine = await createEngine({ detector: d, landmarker: l, gazeEncoder: g }, { wasmPaths: "", threads: runtime.threads });
let seconds = 0;
const minute = doubles("curve0.seconds"), opening = doubles("curve0.opening");
const worked = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const few = { iterations: 30, time: 1, warmupIterations: 3, warmupTime: 1, now: process.env["CPU"] ? worked : () => performance.now() };

describe(`stages, ${runtime.name}`, () => {
  bench("detector", async () => void (await detector.detect(image)), few);
  bench("crop", () => cut(image, view, SIZE, crop, 0), few);
  bench("landmarker, in floats", async () => void (await models[1].run("crops", crop, [1, SIZE, SIZE, 3])), few);
  bench("landmarker, floats rounded to 8 bits", async () => void (await shipped.run("crops", crop, [1, SIZE, SIZE, 3])), few);
  bench("landmarker, 8-bit kernels", async () => void (await inBits.run({ crops: new ort.Tensor("uint8", crop, [1, SIZE, SIZE, 3]) })), few);
  bench("pose", () => void headPose(face, 640, 480), few);
  bench("lids", () => void readLids(image, face, pose.yaw), few);
  bench("blinks of a minute", () => void detectBlinks(minute, opening), few);
  bench("gaze", async () => void (await encoder.encode([face], [pose], 640, 480)), few);
  bench("a frame, detections and all", async () => void (await engine.frame(image, (seconds += 1 / 30))), { ...few, iterations: 60 });
});
