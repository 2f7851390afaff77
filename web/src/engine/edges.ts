/** Steep edges of an openness curve: `nasion.eyes.edges`. */

import { median, round } from "./numbers.ts";

export const LONGEST_GAP_S = 0.2; // unknown values for longer than this end a run: a whole blink could hide in them
export const SLOWEST_FPS = 8.0; // below it a blink is two frames long
export const APART = 3.0; // the large cluster's mean over the small one's; below it both are one cluster
export const ABOVE_REST = 8.0; // mean edge over the median speed, above which all edges are movements and none a ripple

/** A piece of a curve without gaps, evenly sampled. */
export interface Run {
  start: number;
  fps: number;
  /** Smoothed. */
  values: Float64Array;
  /** Its derivative per second. */
  speed: Float64Array;
}

/**
 * The curve resampled evenly, smoothed (Gaussian, fps / 30 samples) and cut at its gaps; none where there are fewer than
 * two frames or 8 frames per second.
 */
export function runs(seconds: Float64Array, values: Float64Array): Run[] {
  if (seconds.length < 2) return [];
  const steps = new Float64Array(seconds.length - 1);
  for (let i = 0; i < steps.length; i++) steps[i] = seconds[i + 1] - seconds[i];
  const step = median(steps);
  if (!(step > 0) || 1 / step < SLOWEST_FPS) return [];
  const fps = 1 / step;
  const known: number[] = [];
  for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) known.push(i);
  if (known.length < 2) return [];
  const t = Float64Array.from(known, (i) => seconds[i]), v = Float64Array.from(known, (i) => values[i]);
  const longest = Math.max(LONGEST_GAP_S, 1.5 / fps);
  const found: Run[] = [];
  for (let a = 0, b = 1; b <= t.length; b++) {
    if (b < t.length && t[b] - t[b - 1] <= longest) continue;
    const count = round((t[b - 1] - t[a]) * fps) + 1;
    if (count >= 5) {
      const smooth = gaussian(resample(t.subarray(a, b), v.subarray(a, b), fps, count), fps / 30);
      found.push({ start: t[a], fps, values: smooth, speed: gradient(smooth).map((slope) => slope * fps) });
    }
    a = b;
  }
  return found;
}

function resample(t: Float64Array, v: Float64Array, fps: number, count: number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0, k = 0; i < count; i++) {
    const at = t[0] + i / fps;
    while (k + 1 < t.length - 1 && t[k + 1] < at) k++;
    const share = Math.min((at - t[k]) / (t[k + 1] - t[k]), 1);
    out[i] = v[k] + (v[k + 1] - v[k]) * share;
  }
  return out;
}

/** `scipy.ndimage.gaussian_filter1d` with the ends repeated, cut off at four standard deviations. */
function gaussian(values: Float64Array, sigma: number): Float64Array {
  const radius = Math.floor(4 * sigma + 0.5);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const total = kernel.reduce((sum, value) => sum + value, 0);
  const last = values.length - 1, out = new Float64Array(values.length);
  for (let i = 0; i <= last; i++) {
    let sum = 0;
    for (let k = -radius; k <= radius; k++) sum += kernel[k + radius] * values[Math.min(Math.max(i + k, 0), last)];
    out[i] = sum / total;
  }
  return out;
}

/** `numpy.gradient`. */
function gradient(values: Float64Array): Float64Array {
  const last = values.length - 1, out = new Float64Array(values.length);
  for (let i = 1; i < last; i++) out[i] = (values[i + 1] - values[i - 1]) / 2;
  out[0] = values[1] - values[0];
  out[last] = values[last] - values[last - 1];
  return out;
}

/** Where lids move fast: per run the samples of the falling and those of the rising edges. */
export function steepEdges(pieces: readonly Run[]): { falling: number[]; rising: number[] }[] {
  const falling = large(pieces.map((run) => run.speed.map((value) => -value)));
  const rising = large(pieces.map((run) => run.speed));
  return pieces.map((_, i) => ({ falling: falling[i], rising: rising[i] }));
}

/** Local maxima above 0; of a plateau its first sample. */
export function extrema(speed: Float64Array): number[] {
  const found: number[] = [];
  for (let i = 0; i < speed.length; i++) {
    const left = i ? speed[i - 1] : -Infinity, right = i + 1 < speed.length ? speed[i + 1] : -Infinity;
    if (speed[i] > 0 && speed[i] > left && speed[i] >= right) found.push(i);
  }
  return found;
}

/** The best split of numbers into two clusters (k-means in one dimension, solved exactly). */
export function twoMeans(sizes: Float64Array): { small: number; large: number; threshold: number } {
  const ordered = sizes.slice().sort(), n = ordered.length;
  const total = ordered.reduce((sum, value) => sum + value, 0);
  let best = { small: 0, large: 0, threshold: 0 }, most = -Infinity, sum = 0;
  for (let count = 1; count < n; count++) {
    sum += ordered[count - 1];
    const low = sum / count, high = (total - sum) / (n - count);
    const between = count * low ** 2 + (n - count) * high ** 2;
    if (between > most) {
      most = between;
      best = { small: low, large: high, threshold: (ordered[count - 1] + ordered[count]) / 2 };
    }
  }
  return best;
}

function large(speeds: readonly Float64Array[]): number[][] {
  const places = speeds.map(extrema);
  const sizes = Float64Array.from(speeds.flatMap((speed, i) => places[i].map((at) => speed[at])));
  if (!sizes.length) return places;
  let threshold = 0, apart = false;
  if (sizes.length > 1) {
    const split = twoMeans(sizes);
    apart = split.large > APART * split.small;
    threshold = split.threshold;
  }
  if (!apart) {
    // one kind of edge: all blinks on a curve that rests between them, or all of them ripples
    const rest = median(Float64Array.from(speeds.flatMap((speed) => Array.from(speed, Math.abs))));
    const mean = sizes.reduce((sum, value) => sum + value, 0) / sizes.length;
    threshold = mean > ABOVE_REST * rest ? 0 : Infinity;
  }
  return places.map((at, i) => at.filter((index) => speeds[i][index] > threshold));
}
