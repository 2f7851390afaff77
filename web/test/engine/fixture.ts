/** What Python read in rendered heads (`benchmarks/studio_fixture.py`), and what the tests need to compare with it. */

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Picture } from "../../src/engine/types.ts";

interface Entry {
  dtype: "uint8" | "float32" | "float64";
  shape: number[];
  offset: number;
}

export interface Still {
  detections: number[][];
  presence: number[];
  pose: number[][];
  lids: number[][];
  looks: number[];
}

export interface ClipFrame {
  ids: number[];
  scores: number[];
  pose: number[][];
  lids: number[][];
  closure: number[][];
}

export interface TrackerFrame {
  seconds: number;
  due: boolean;
  detections: number[][] | null;
  candidates: number[][];
  placed: number[][];
  given: number[][];
}

export interface Fixture {
  stills: Still[];
  clip: { fps: number; every: number; frames: ClipFrame[] };
  tracker: { frames: TrackerFrame[] };
  curves: { script: string; blinks: number[][] }[];
  gaze: { case: string; kind: string; left_out: Record<string, number>; targets: number }[];
  smoother: { noise: number; screen: [number, number, number, number] };
  caution: number;
  nine: [number, number][];
  five: [number, number][];
  pursuit: [number, number, number][];
  arrays: Record<string, Entry>;
}

const here = new URL("./", import.meta.url);
export const told: Fixture = JSON.parse(readFileSync(new URL("fixture.json", here), "utf8"));
const bytes = gunzipSync(readFileSync(new URL("fixture.bin.gz", here)));
const TYPES = { uint8: Uint8Array, float32: Float32Array, float64: Float64Array };

export function array(name: string): Uint8Array | Float32Array | Float64Array {
  const { dtype, shape, offset } = told.arrays[name];
  const count = shape.reduce((product, n) => product * n, 1), Type = TYPES[dtype];
  const start = bytes.byteOffset + offset;
  return new Type(bytes.buffer.slice(start, start + count * Type.BYTES_PER_ELEMENT) as ArrayBuffer);
}

export function doubles(name: string): Float64Array {
  return Float64Array.from(array(name));
}

/** Rows of an array of two dimensions. */
export function rows(name: string): Float64Array[] {
  const flat = doubles(name), wide = told.arrays[name].shape[1];
  return Array.from({ length: flat.length / wide }, (_, i) => flat.subarray(i * wide, (i + 1) * wide));
}

/** The `index`-th of the last-but-one axes' blocks, such as one face's points. */
export function block(name: string, index: number): Float32Array {
  const { shape } = told.arrays[name], size = shape.slice(1).reduce((product, n) => product * n, 1);
  return Float32Array.from(array(name).subarray(index * size, (index + 1) * size));
}

export function picture(rgb: ArrayLike<number>, width: number, height: number): Picture {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) for (let k = 0; k < 3; k++) data[4 * i + k] = rgb[3 * i + k];
  return { data, width, height };
}

export function still(number: number): Picture {
  const [height, width] = told.arrays[`still${number}.image`].shape;
  return picture(array(`still${number}.image`), width, height);
}

/** The clip's frames, which are stored as differences. */
export function* frames(): Generator<Picture> {
  const [count, height, width] = told.arrays["clip.images"].shape, deltas = array("clip.images");
  const now = new Uint8Array(height * width * 3);
  for (let frame = 0; frame < count; frame++) {
    for (let i = 0; i < now.length; i++) now[i] += deltas[frame * now.length + i];
    yield picture(now, width, height);
  }
}

/** Mean and largest distance between two sets of points, `step` numbers each, of which `used` count. */
export function apart(a: ArrayLike<number>, b: ArrayLike<number>, step: number, used: number): { mean: number; most: number } {
  let sum = 0, most = 0;
  for (let i = 0; i < a.length; i += step) {
    let square = 0;
    for (let k = 0; k < used; k++) square += (a[i + k] - b[i + k]) ** 2;
    sum += Math.sqrt(square) / (a.length / step);
    most = Math.max(most, Math.sqrt(square));
  }
  return { mean: sum, most };
}

/** An embedded model's file, as the server sends it. */
export function model(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../../../src/nasion/models/weights/${name}.onnx`, here)));
}

export function address(file: Uint8Array): string {
  return URL.createObjectURL(new Blob([file as BlobPart]));
}
