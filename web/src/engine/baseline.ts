/** What open and shut mean for one person: `nasion.eyes.baseline`. */

import { clip, interpolate, lowerBound, quantile, round } from "./numbers.ts";

export const WINDOW_S = 60.0;
export const OPEN_QUANTILE = 0.75; // of the last minute: open, even for eyes that are shut for half of it
export const CLOSED_SHARE = 0.6; // eyelid angle of shut lids over that of open ones, our landmarker's points

/** The level of open eyes at sample `index` of evenly sampled values: the 75th percentile of the minute around. */
export function openLevel(values: Float64Array, fps: number): (index: number) => number {
  const half = Math.max(1, round((WINDOW_S * fps) / 2));
  if (values.length <= half) {
    const level = quantile(values, OPEN_QUANTILE);
    return () => level;
  }
  const step = Math.max(1, Math.floor(half / 15)); // levels move slowly: taken 30 times a window, joined by lines
  const places: number[] = [];
  for (let at = 0; at < values.length; at += step) places.push(at);
  if (places[places.length - 1] !== values.length - 1) places.push(values.length - 1);
  const levels = new Map<number, number>(); // worked out where somebody asks
  const levelAt = (at: number): number => {
    let level = levels.get(at);
    if (level === undefined) {
      level = quantile(values.subarray(Math.max(0, at - half), at + half + 1), OPEN_QUANTILE);
      levels.set(at, level);
    }
    return level;
  };
  return (index) => {
    const after = Math.min(lowerBound(places, index), places.length - 1), before = Math.max(0, after - 1);
    if (places[after] === index || before === after) return levelAt(places[after]);
    return interpolate(index, [places[before], places[after]], [levelAt(places[before]), levelAt(places[after])]);
  };
}

/** The open level of one eye so far, for streams that cannot look ahead (`PersonBaseline` of one person). */
export class OpenBaseline {
  private readonly seen: [number, number][] = []; // seconds, opening
  private readonly sorted: number[] = [];

  /** How far shut the lids are now, 0..1; NaN where `opening` is. Called once a frame, in order. */
  closure(seconds: number, opening: number): number {
    if (!Number.isFinite(opening)) return NaN;
    this.seen.push([seconds, opening]);
    this.sorted.splice(lowerBound(this.sorted, opening), 0, opening);
    while (this.seen[0][0] < seconds - WINDOW_S) {
      const [, old] = this.seen.shift() as [number, number];
      this.sorted.splice(lowerBound(this.sorted, old), 1);
    }
    const place = (this.sorted.length - 1) * OPEN_QUANTILE, k = Math.floor(place);
    const first = this.sorted[k], next = this.sorted[Math.min(k + 1, this.sorted.length - 1)];
    const level = first + (next - first) * (place - k), way = level * (1 - CLOSED_SHARE);
    return way > 0 ? clip((level - opening) / way, 0, 1) : NaN;
  }
}
