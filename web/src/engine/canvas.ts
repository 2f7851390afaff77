/** From a picture of any size to what the detector's network sees, and back: `nasion.detect.canvas`. */

import { resizeToPlanes } from "./resize.ts";
import { round } from "./numbers.ts";
import type { Picture } from "./types.ts";

export const MULTIPLE = 32; // the coarsest stride

/** Three planes of 0..255 with the resized picture in the upper left corner, the rest black. */
export interface Canvas {
  planes: Float32Array;
  rows: number;
  columns: number;
  /** Canvas px per picture px, across and down. */
  scale: [number, number];
}

let kept = new Float32Array(0); // the last canvas's planes, used again: a frame is as large as the one before

/** Resizes so that the longer side is `longest` px, at most `enlarged` times larger, then pads to multiples of 32. */
export function fit(picture: Picture, longest: number, enlarged: number): Canvas {
  const { width, height, data } = picture;
  const scale = Math.min(longest / Math.max(height, width), enlarged);
  const h = Math.max(1, round(height * scale)), w = Math.max(1, round(width * scale));
  const rows = Math.ceil(h / MULTIPLE) * MULTIPLE, columns = Math.ceil(w / MULTIPLE) * MULTIPLE;
  const plane = rows * columns;
  if (kept.length !== 3 * plane) kept = new Float32Array(3 * plane);
  else if (rows !== h || columns !== w) kept.fill(0);
  if (w === width && h === height) {
    for (let y = 0, from = 0; y < h; y++)
      for (let x = 0, to = y * columns; x < w; x++, to++, from += 4) {
        kept[to] = data[from];
        kept[plane + to] = data[from + 1];
        kept[2 * plane + to] = data[from + 2];
      }
  } else resizeToPlanes(data, width, height, w, h, kept, columns, rows);
  return { planes: kept, rows, columns, scale: [w / width, h / height] };
}

/**
 * A candidate's row of numbers (x0, y0, x1, y1, score, then five x, y) from px of the canvas to px of the picture.
 *
 * Resizing keeps the outer edges, which lie half a pixel outside the centres of the first and last pixels.
 */
export function back(row: Float32Array, [x, y]: [number, number]): void {
  for (let i = 0; i < 15; i++) {
    if (i === 4) continue;
    const across = i < 4 ? i % 2 === 0 : i % 2 === 1;
    row[i] = (row[i] + 0.5) / (across ? x : y) - 0.5;
  }
}
