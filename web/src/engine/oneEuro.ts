/**
 * One-Euro filter of a face's points: `nasion.track.one_euro` with its defaults.
 *
 * Source: Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012; the speed is the point's, in face sizes per second.
 */

export const SHORTEST_STEP = 1e-3; // s; frames that share a time stamp count as this far apart
const MIN_CUTOFF = 1.0; // Hz, for a point at rest
const SPEED_GAIN = 30.0; // Hz per (face size per second)
const SPEED_CUTOFF = 3.0; // Hz, of the low pass on the speed itself

export class OneEuroFilter {
  private points: Float32Array | null = null;
  private velocity = new Float32Array(0);
  private seconds = 0;

  /** The next smoothed points; `points` (N x 3) px, `size` px of the face. */
  next(points: Float32Array, seconds: number, size: number): Float32Array {
    if (!this.points) {
      this.velocity = new Float32Array(points.length);
      this.seconds = seconds;
      return (this.points = points);
    }
    const step = Math.max(seconds - this.seconds, SHORTEST_STEP);
    const before = this.points, velocity = this.velocity;
    const gain = weight(SPEED_CUTOFF, step), face = Math.max(size, 1e-6);
    const out = new Float32Array(points.length);
    for (let i = 0; i < points.length; i += 3) {
      for (let k = i; k < i + 3; k++) velocity[k] += gain * ((points[k] - before[k]) / step - velocity[k]);
      const speed = Math.hypot(velocity[i], velocity[i + 1]) / face;
      const share = weight(MIN_CUTOFF + SPEED_GAIN * speed, step);
      for (let k = i; k < i + 3; k++) out[k] = before[k] + share * (points[k] - before[k]);
    }
    this.seconds = seconds;
    return (this.points = out);
  }
}

/** Share of the new value in a first-order low pass of `cutoff` Hz sampled `step` seconds after the last. */
function weight(cutoff: number, step: number): number {
  return 1 / (1 + 1 / (2 * Math.PI * cutoff * step));
}
