/**
 * Steadier points of regard, a constant-velocity Kalman filter that lets go when the eyes jump: `nasion.gaze.smooth`.
 */

import { ASSUMED_SCREEN, toFraction, toMillimetres, type Screen } from "./screen.ts";
import type { Smoother } from "./types.ts";

export const JERK = 400.0; // mm/s^2, spread of the acceleration while eyes rest or follow
export const LEAP = 4.0; // standard deviations off the prediction: a saccade, not noise
export const LONGEST = 0.5; // s without a point after which the filter begins anew
const USUAL_NOISE = 25.0; // mm, spread of a calibrated look per axis at arm's length: about 2.5 degrees

/** The filter in millimetres of the screen's plane. */
export class RegardSmoother {
  private readonly noise: number;
  private state: [number, number, number, number] | null = null; // x, y, and their velocities
  private spread: [number, number, number] = [0, 0, 0]; // of place, of both, of velocity
  private time = 0;

  /** @param noiseMm standard deviation of a point per axis, above 0. */
  constructor(noiseMm: number) {
    this.noise = noiseMm ** 2;
  }

  /** The filtered point; points that are NaN are predicted over. */
  next([x, y]: [number, number], seconds: number): [number, number] {
    const step = seconds - this.time, known = Number.isFinite(x) && Number.isFinite(y);
    if (!this.state || step > LONGEST || step < 0) return known ? this.begin(x, y, seconds) : [NaN, NaN];
    const [px, py, vx, vy] = this.state, [a, b, c] = this.spread;
    const at = [px + step * vx, py + step * vy];
    if (!known) return [at[0], at[1]];
    const jolt = JERK ** 2;
    const place = a + 2 * step * b + step ** 2 * c + (jolt * step ** 4) / 4;
    const both = b + step * c + (jolt * step ** 3) / 2, speed = c + jolt * step ** 2;
    const total = place + this.noise, dx = x - at[0], dy = y - at[1];
    if ((dx * dx + dy * dy) / (2 * total) > LEAP ** 2 / 2) return this.begin(x, y, seconds);
    const g = place / total, h = both / total;
    this.state = [at[0] + g * dx, at[1] + g * dy, vx + h * dx, vy + h * dy];
    this.spread = [place - g * place, both - g * both, speed - h * both];
    this.time = seconds;
    return [this.state[0], this.state[1]];
  }

  reset(): void {
    this.state = null;
  }

  private begin(x: number, y: number, seconds: number): [number, number] {
    this.state = [x, y, 0, 0];
    this.spread = [this.noise, 0, 50 ** 2];
    this.time = seconds;
    return [x, y];
  }
}

/** The same filter for fractions of the screen. */
export function createSmoother(noiseMm = USUAL_NOISE, screen: Screen = ASSUMED_SCREEN): Smoother {
  const filter = new RegardSmoother(noiseMm);
  return {
    next: (point, seconds) => toFraction(filter.next(toMillimetres(point, screen), seconds), screen),
    reset: () => filter.reset(),
  };
}
