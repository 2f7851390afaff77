/**
 * Blinks in an openness curve: `nasion.eyes.blinks`, and the same over a stream.
 *
 * Source: Wolter, Berrio Perez and Shan (arXiv 2511.19519): steep edges in pairs, phases by the tangents at the steepest
 * points; a blink must take a share of the person's own opening, and longer closures are kept.
 */

import { CLOSED_SHARE, openLevel } from "./baseline.ts";
import { extrema, runs, steepEdges, type Run } from "./edges.ts";
import { median, round } from "./numbers.ts";
import type { Blink } from "./types.ts";

export const SHORTEST_S = 0.05, LONGEST_S = 0.8; // from the steepest falling to the steepest rising point of a blink
export const AROUND_S = 0.5; // s before and after, in which the open level is looked for
export const SHALLOWEST = 0.3; // share of the way from open to shut, below which it is no blink
export const SHUT = 0.6; // the same for a closure longer than a blink: eyes that look down reach half of the way

/** The blinks and longer closures of one person; `opening` is NaN where unknown. Times rise. */
export function detectBlinks(seconds: Float64Array, opening: Float64Array, closed = CLOSED_SHARE): Blink[] {
  const pieces = runs(seconds, opening);
  const found: Blink[] = [];
  steepEdges(pieces).forEach(({ falling, rising }, i) => {
    const run = pieces[i], level = openLevel(run.values, run.fps), pairs = pairUp(run, falling, rising);
    const limits = [0, ...pairs.flat(), run.values.length - 1];
    pairs.forEach(([fall, rise], k) => {
      const blink = measure(run, limits[2 * k], fall, rise, limits[2 * k + 3], level(fall), closed);
      if (blink) found.push(blink);
    });
  });
  return found;
}

/**
 * Each falling edge with the rising edge that follows it.
 *
 * Of falling edges in a row the steepest of the last 0.8 s counts. One that no steep rise follows within 0.8 s takes the
 * steepest rise there is, if the lids come back most of the way: tired lids open slowly.
 */
function pairUp(run: Run, falling: number[], rising: number[]): [number, number][] {
  const { values, speed, fps } = run;
  const pairs: [number, number][] = [];
  const least = SHORTEST_S * fps, most = LONGEST_S * fps;
  const ripples = extrema(speed);
  let fall = -1;
  for (const index of [...[...falling, ...rising].sort((a, b) => a - b), values.length + round(most)]) {
    if (fall >= 0 && index - fall > most) {
      const slow = ripples.filter((at) => at - fall >= least && at - fall <= most);
      if (slow.length) {
        const rise = slow.reduce((best, at) => (speed[at] > speed[best] ? at : best));
        const middle = values[fall], lowest = lowestOf(values, fall, rise + 1);
        if (greatestOf(values, rise, index) - lowest > 1.5 * (middle - lowest)) {
          pairs.push([fall, rise]); // 2 is all the way
          fall = -1;
        }
      }
    }
    if (index >= values.length) break;
    if (speed[index] < 0) {
      if (fall < 0 || speed[index] < speed[fall] || index - fall > most) fall = index;
    } else if (fall >= 0) {
      if (index - fall >= least) pairs.push([fall, index]);
      fall = -1;
    }
  }
  return pairs;
}

function measure(
  run: Run, earlier: number, fall: number, rise: number, later: number, level: number, closed: number,
): Blink | null {
  const { values, speed, fps } = run;
  const reach = round(AROUND_S * fps);
  const before = greatestOf(values, Math.max(earlier, fall - reach), fall + 1);
  const lowest = lowestOf(values, fall, rise + 1);
  const after = greatestOf(values, rise, Math.min(later, rise + reach) + 1);
  const way = level * (1 - closed);
  const long = (rise - fall) / fps > LONGEST_S;
  const depth = Math.min(before, after) - (long ? median(values.slice(fall, rise + 1)) : lowest);
  if (!(way > 0) || depth < (long ? SHUT : SHALLOWEST) * way) return null;
  const down = -speed[fall] / fps, up = speed[rise] / fps; // per sample
  const start = fall - (before - values[fall]) / down, end = rise + (after - values[rise]) / up;
  const shut = fall + (values[fall] - lowest) / down, lift = rise - (values[rise] - lowest) / up;
  const time = (index: number) => run.start + index / fps;
  // where the lids turn round before they rest, the middle of both is the turn
  return { start: time(start), end: time(end), peak: time((shut + lift) / 2), amplitude: before > 0 ? (before - lowest) / before : NaN };
}

function lowestOf(values: Float64Array, from: number, to: number): number {
  let found = Infinity;
  for (let i = from; i < Math.min(to, values.length); i++) if (values[i] < found) found = values[i];
  return found;
}

function greatestOf(values: Float64Array, from: number, to: number): number {
  let found = -Infinity;
  for (let i = from; i < Math.min(to, values.length); i++) if (values[i] > found) found = values[i];
  return found;
}

const REMEMBERED_S = 90.0; // looked at anew each time: the open level needs 60, the rest is room
const FORGOTTEN_S = 120.0; // what is older leaves, in one go; its blinks stay as they were found
const EVERY = 6; // frames from one look to the next

/** `detectBlinks` over what has come so far; for the first two minutes the very same, then over the last ones. */
export class BlinkStream {
  private seconds: number[] = [];
  private opening: number[] = [];
  private settled: Blink[] = [];
  private found: Blink[] = [];
  private frames = 0;

  /** The blinks so far, after one more frame. A blink shows once its end is there, at most six frames later. */
  next(seconds: number, opening: number): Blink[] {
    this.seconds.push(seconds);
    this.opening.push(opening);
    if (++this.frames % EVERY) return this.found;
    const fresh = detectBlinks(Float64Array.from(this.seconds), Float64Array.from(this.opening));
    const last = this.settled.at(-1)?.end ?? -Infinity;
    this.found = [...this.settled, ...fresh.filter((blink) => blink.peak > last)];
    if (seconds - this.seconds[0] > FORGOTTEN_S) this.forget(seconds - REMEMBERED_S);
    return this.found;
  }

  private forget(before: number): void {
    const margin = before + AROUND_S + LONGEST_S; // a blink near the cut would be measured with half of its curve
    this.settled = this.found.filter((blink) => blink.end < margin);
    const keep = this.seconds.findIndex((time) => time >= before);
    this.seconds = this.seconds.slice(keep);
    this.opening = this.opening.slice(keep);
  }
}
