/**
 * `cv2.resize` for 8-bit pictures, INTER_AREA to smaller and INTER_LINEAR to larger.
 *
 * In each direction a pixel of the result is a weighted mean of neighbours; the weights are worked out once a size.
 * OpenCV enlarges in whole numbers (weights of 1/2048, two shifts), which is repeated here to the last bit but few.
 */

import { round } from "./numbers.ts";

const ONE = 2048; // of OpenCV's weights for enlarging (INTER_RESIZE_COEF_SCALE)

interface Weights {
  /** First source pixel of each result pixel. */
  first: Int32Array;
  /** How many source pixels each takes. */
  count: number;
  /** (result, count) weights that add up to 1. */
  weights: Float32Array;
}

const known = new Map<string, Weights>();

function weightsOf(from: number, to: number): Weights {
  const key = `${from}>${to}`;
  let found = known.get(key);
  if (!found) known.set(key, (found = to < from ? areaWeights(from, to) : linearWeights(from, to)));
  return found;
}

/** Each result pixel covers from / to source pixels: whole ones and parts at both ends. */
function areaWeights(from: number, to: number): Weights {
  const scale = from / to;
  const count = Math.ceil(scale) + 1;
  const first = new Int32Array(to), weights = new Float32Array(to * count);
  for (let j = 0; j < to; j++) {
    const a = j * scale, b = Math.min(a + scale, from);
    first[j] = Math.min(Math.floor(a), from - 1);
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const i = first[j] + k;
      const part = i < from ? Math.max(0, Math.min(b, i + 1) - Math.max(a, i)) : 0;
      weights[j * count + k] = part;
      sum += part;
    }
    for (let k = 0; k < count; k++) weights[j * count + k] /= sum;
  }
  return { first, count, weights };
}

/** Shares of two neighbours in 2048ths. */
function linearWeights(from: number, to: number): Weights {
  const first = new Int32Array(to), weights = new Float32Array(to * 2);
  for (let j = 0; j < to; j++) {
    const at = Math.min(Math.max(Math.fround((j + 0.5) * (from / to) - 0.5), 0), from - 1);
    first[j] = Math.min(Math.floor(at), Math.max(from - 2, 0));
    const share = Math.fround(at - first[j]);
    weights[2 * j + 1] = round(share * ONE);
    weights[2 * j] = round((1 - share) * ONE);
  }
  return { first, count: Math.min(2, from), weights };
}

/**
 * Resizes a picture (RGBA, `width` x `height`) to `w` x `h` whole levels 0..255 in three planes of floats.
 *
 * @param into R, G and B planes after each other, each `rows` x `columns`; the picture goes to the upper left corner.
 */
export function resizeToPlanes(
  data: Uint8ClampedArray, width: number, height: number, w: number, h: number, into: Float32Array, columns: number,
  rows: number,
): void {
  if (w > width || h > height) enlarge(data, width, height, w, h, into, columns, rows);
  else reduce(data, width, height, w, h, into, columns, rows);
}

function reduce(
  data: Uint8ClampedArray, width: number, height: number, w: number, h: number, into: Float32Array, columns: number,
  rows: number,
): void {
  const plane = rows * columns;
  const across = weightsOf(width, w), down = weightsOf(height, h);
  const line = new Float32Array(width * 3); // one result row, still as wide as the source
  for (let y = 0; y < h; y++) {
    line.fill(0);
    for (let k = 0; k < down.count; k++) {
      const weight = down.weights[y * down.count + k];
      if (weight === 0) continue;
      let at = (down.first[y] + k) * width * 4;
      for (let x = 0; x < line.length; x += 3, at += 4) {
        line[x] += weight * data[at];
        line[x + 1] += weight * data[at + 1];
        line[x + 2] += weight * data[at + 2];
      }
    }
    for (let x = 0; x < w; x++) {
      let r = 0, g = 0, b = 0;
      for (let k = 0; k < across.count; k++) {
        const weight = across.weights[x * across.count + k];
        if (weight === 0) continue;
        const at = (across.first[x] + k) * 3;
        r += weight * line[at];
        g += weight * line[at + 1];
        b += weight * line[at + 2];
      }
      const to = y * columns + x;
      into[to] = Math.floor(r + 0.5);
      into[plane + to] = Math.floor(g + 0.5);
      into[2 * plane + to] = Math.floor(b + 0.5);
    }
  }
}

function enlarge(
  data: Uint8ClampedArray, width: number, height: number, w: number, h: number, into: Float32Array, columns: number,
  rows: number,
): void {
  const plane = rows * columns;
  const across = weightsOf(width, w), down = weightsOf(height, h);
  const lines = [new Int32Array(3 * w), new Int32Array(3 * w)]; // the two source rows in question, as wide as the result
  const held = [-1, -1];
  const stretched = (row: number): Int32Array => {
    const place = row % 2, line = lines[place];
    if (held[place] === row) return line;
    held[place] = row;
    for (let x = 0; x < w; x++) {
      const at = (row * width + across.first[x]) * 4, next = across.count > 1 ? at + 4 : at;
      const a = across.weights[2 * x], b = across.weights[2 * x + 1];
      for (let k = 0; k < 3; k++) line[3 * x + k] = (data[at + k] * a + data[next + k] * b) >> 4;
    }
    return line;
  };
  for (let y = 0; y < h; y++) {
    const top = stretched(down.first[y]), bottom = stretched(down.first[y] + (down.count > 1 ? 1 : 0));
    const a = down.weights[2 * y], b = down.weights[2 * y + 1];
    for (let x = 0; x < w; x++)
      for (let k = 0; k < 3; k++) {
        const at = 3 * x + k;
        into[k * plane + y * columns + x] = (((a * top[at]) >> 16) + ((b * bottom[at]) >> 16) + 2) >> 2;
      }
  }
}
