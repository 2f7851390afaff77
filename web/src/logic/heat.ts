/** Seconds looked at each place: points weighted with the time they stand for, under a Gaussian as wide as their error. */
import { unit, type GazePoint } from "./fixations.ts";

const LONGEST_STEP_S = 0.2;

export interface HeatMap {
  width: number;
  height: number;
  /** Row by row, seconds times the kernel's peak of 1. */
  values: Float32Array;
  peak: number;
}

/** `sigma` is a share of the screen's diagonal. */
export function heatMap(points: readonly GazePoint[], aspect: number, sigma: number, width = 192): HeatMap {
  const height = Math.max(1, Math.round(width / aspect));
  const values = new Float32Array(width * height);
  for (const [i, { seconds, x, y }] of points.entries()) {
    const step = i + 1 < points.length ? Math.min(points[i + 1].seconds - seconds, LONGEST_STEP_S) : 0;
    const [column, row] = [Math.round(x * width - 0.5), Math.round(y * height - 0.5)];
    if (step > 0 && column >= 0 && row >= 0 && column < width && row < height) values[row * width + column] += step;
  }
  const reach = (sigma * width) / unit(aspect)[0];
  const smooth = blur(transpose(blur(transpose(values, width, height), height, width, reach), height, width), width, height, reach);
  return { width, height, values: smooth, peak: smooth.reduce((a, b) => Math.max(a, b), 0) };
}

/** Along the rows, with a kernel of peak 1. */
function blur(values: Float32Array, width: number, height: number, sigma: number): Float32Array {
  const radius = Math.max(1, Math.ceil(3 * sigma));
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)));
  const out = new Float32Array(values.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const here = values[row * width + column];
      if (!here) continue;
      const to = Math.min(width - 1, column + radius);
      for (let at = Math.max(0, column - radius); at <= to; at++) out[row * width + at] += here * kernel[at - column + radius];
    }
  }
  return out;
}

function transpose(values: Float32Array, width: number, height: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) out[column * height + row] = values[row * width + column];
  return out;
}

const RAMP: [number, number, number, number][] = [
  [52, 110, 235, 0], [52, 110, 235, 28], [40, 190, 190, 105], [150, 215, 70, 145], [250, 190, 50, 170], [235, 70, 45, 190],
]; // prettier-ignore

/** RGBA of a share 0..1 of the hottest: from clear over blue and green to red. */
export function heatColour(share: number): [number, number, number, number] {
  const at = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const low = Math.min(Math.floor(at), RAMP.length - 2);
  const mix = (i: number) => RAMP[low][i] + (RAMP[low + 1][i] - RAMP[low][i]) * (at - low);
  return [mix(0), mix(1), mix(2), mix(3)];
}
