/** The landmarker's view of a face, an upright crop: `nasion.landmark.view`. Pictures are RGBA, crops RGB. */

import type { Picture } from "./types.ts";

/** coarse5 (subject's left eye first) in the crop, 0..1 from its left and top edge. */
export const TEMPLATE = [0.635, 0.4, 0.365, 0.4, 0.5, 0.555, 0.607, 0.69, 0.393, 0.69] as const;

/** (2, 3) similarity, image px to crop px: a, b, c, d, e, f of x' = a x + b y + c, y' = d x + e y + f. */
export type Matrix = [number, number, number, number, number, number];

/**
 * The similarity (Umeyama) that lays five points on the template in a `size` x `size` crop; null where they are not
 * finite or all in one place.
 */
export function viewMatrix(five: Float64Array, size: number): Matrix | null {
  let mx = 0, my = 0, ax = 0, ay = 0;
  for (let i = 0; i < 5; i++) {
    mx += five[2 * i] / 5;
    my += five[2 * i + 1] / 5;
    ax += (TEMPLATE[2 * i] * size - 0.5) / 5;
    ay += (TEMPLATE[2 * i + 1] * size - 0.5) / 5;
  }
  let spread = 0, real = 0, imag = 0; // conj(source) . target
  for (let i = 0; i < 5; i++) {
    const sx = five[2 * i] - mx, sy = five[2 * i + 1] - my;
    const tx = TEMPLATE[2 * i] * size - 0.5 - ax, ty = TEMPLATE[2 * i + 1] * size - 0.5 - ay;
    spread += sx * sx + sy * sy;
    real += sx * tx + sy * ty;
    imag += sx * ty - sy * tx;
  }
  if (!(spread > 1e-6 && spread < Infinity)) return null;
  const a = real / spread, b = imag / spread;
  return [a, -b, ax - (a * mx - b * my), b, a, ay - (b * mx + a * my)];
}

/** How far the corners of one crop lie from those of another, px of the second; the largest of the four. */
export function moved(first: Matrix, second: Matrix, size: number): number {
  let most = 0;
  for (const x of [0, size - 1])
    for (const y of [0, size - 1]) {
      const [sx, sy] = imagePoint(first, x, y);
      most = Math.max(most, Math.hypot(
        second[0] * sx + second[1] * sy + second[2] - x,
        second[3] * sx + second[4] * sy + second[5] - y,
      )); // prettier-ignore
    }
  return most;
}

/** Crop px back to image px. */
function imagePoint([a, , c, d, , f]: Matrix, x: number, y: number): [number, number] {
  const square = a * a + d * d; // of a similarity: b = -d, e = a
  return [(a * (x - c) + d * (y - f)) / square, (a * (y - f) - d * (x - c)) / square];
}

/** A picture with `step` bytes a pixel, of which the first three are R, G, B. */
interface Pixels {
  data: Uint8ClampedArray | Uint8Array;
  width: number;
  height: number;
  step: number;
}

/** The crop of `picture` under `matrix`, written to `into` at `offset`; outside, the border repeats. */
export function cut(picture: Picture, matrix: Matrix, size: number, into: Uint8Array, offset: number): void {
  const pixels: Pixels = { data: picture.data, width: picture.width, height: picture.height, step: 4 };
  const shrink = Math.hypot(matrix[0], matrix[3]);
  if (shrink <= 0.5) {
    // bilinear sampling would skip pixels: average whole blocks of the face's surroundings first
    const [small, adapted] = reduce(pixels, matrix, size, Math.trunc(-Math.log2(shrink)));
    warp(small, adapted, size, into, offset);
  } else warp(pixels, matrix, size, into, offset);
}

const halves = [new Uint8Array(0), new Uint8Array(0)]; // of the last reduced picture, used again

function reduce(image: Pixels, matrix: Matrix, size: number, halvings: number): [Pixels, Matrix] {
  const factor = 2 ** halvings;
  const [a, , c, b, , f] = matrix;
  const right = (size - 1) / 2 - c, down = (size - 1) / 2 - f;
  const square = a * a + b * b;
  const x = (a * right + b * down) / square, y = (a * down - b * right) / square; // middle of the crop
  const reach = ((size / 2) * (Math.abs(a) + Math.abs(b))) / square + 2 * factor;
  const x0 = Math.max(Math.trunc(x - reach), 0), y0 = Math.max(Math.trunc(y - reach), 0);
  const x1 = Math.min(Math.trunc(x + reach), image.width), y1 = Math.min(Math.trunc(y + reach), image.height);
  if (x1 - x0 < factor || y1 - y0 < factor) return [image, matrix]; // the crop lies outside the image
  const columns = Math.floor((x1 - x0) / factor), rows = Math.floor((y1 - y0) / factor);
  let small = image;
  for (let k = 1; k <= halvings; k++) {
    const share = factor / 2 ** k;
    small = halved(small, k === 1 ? x0 : 0, k === 1 ? y0 : 0, columns * share, rows * share, k % 2);
  }
  // a pixel centre i of the small part stands at x0 + factor * i + (factor - 1) / 2 of the image
  const ox = x0 + (factor - 1) / 2, oy = y0 + (factor - 1) / 2;
  const adapted: Matrix = [
    matrix[0] * factor, matrix[1] * factor, matrix[0] * ox + matrix[1] * oy + matrix[2],
    matrix[3] * factor, matrix[4] * factor, matrix[3] * ox + matrix[4] * oy + matrix[5],
  ]; // prettier-ignore
  return [small, adapted];
}

/** Means of 2 x 2 blocks from (x0, y0) on, halves rounded up as INTER_AREA does, in one of the two buffers. */
function halved({ data, width, step }: Pixels, x0: number, y0: number, columns: number, rows: number, buffer: number): Pixels {
  if (halves[buffer].length < 3 * columns * rows) halves[buffer] = new Uint8Array(3 * columns * rows);
  const into = halves[buffer], line = width * step;
  for (let row = 0, to = 0; row < rows; row++) {
    let at = ((y0 + 2 * row) * width + x0) * step;
    for (let column = 0; column < columns; column++, at += 2 * step, to += 3)
      for (let k = 0; k < 3; k++)
        into[to + k] = (data[at + k] + data[at + step + k] + data[at + line + k] + data[at + line + step + k] + 2) >> 2;
  }
  return { data: into, width: columns, height: rows, step: 3 };
}

/** `cv2.warpAffine` with INTER_LINEAR and BORDER_REPLICATE: bilinear in single precision, rounded to levels. */
function warp({ data, width, height, step }: Pixels, matrix: Matrix, size: number, into: Uint8Array, to: number): void {
  const [a, b, c, d, e, f] = matrix;
  const determinant = a * e - b * d;
  const single = Math.fround;
  const ia = single(e / determinant), ib = single(-b / determinant), ic = single((b * f - e * c) / determinant);
  const id = single(-d / determinant), ie = single(a / determinant), jf = single((d * c - a * f) / determinant);
  const right = width - 1, bottom = height - 1;
  for (let y = 0; y < size; y++) {
    const rowX = single(single(ib * y) + ic), rowY = single(single(ie * y) + jf);
    for (let x = 0; x < size; x++, to += 3) {
      const sx = single(single(ia * x) + rowX), sy = single(single(id * x) + rowY);
      const left = Math.floor(sx), top = Math.floor(sy);
      const fx = sx - left, fy = sy - top;
      const x0 = left < 0 ? 0 : left > right ? right : left, x1 = left < -1 ? 0 : left >= right ? right : left + 1;
      const y0 = top < 0 ? 0 : top > bottom ? bottom : top, y1 = top < -1 ? 0 : top >= bottom ? bottom : top + 1;
      const p00 = (y0 * width + x0) * step, p01 = (y0 * width + x1) * step;
      const p10 = (y1 * width + x0) * step, p11 = (y1 * width + x1) * step;
      for (let k = 0; k < 3; k++) {
        const upper = data[p00 + k] + fx * (data[p01 + k] - data[p00 + k]);
        const lower = data[p10 + k] + fx * (data[p11 + k] - data[p10 + k]);
        into[to + k] = upper + fy * (lower - upper) + 0.5;
      }
    }
  }
}
