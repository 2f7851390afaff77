/**
 * Corrections fitted to a few known looks, and the rule that none may make things worse: `nasion.gaze.ridge`.
 *
 * A correction is a linear map of a frame's numbers, with a constant. It is chosen by leaving out one target after the
 * other: none, a constant, or ridge with one of several strengths; what does not beat "none" there is not applied.
 */

import { solve } from "./linear.ts";

export const STRENGTHS = Array.from({ length: 15 }, (_, i) => 10 ** (-3 + 0.5 * i));
export const FEWEST = 3; // targets from which leaving one out says anything

export type Kind = "none" | "constant" | "ridge";

/** What is added to an uncalibrated estimate. */
export interface Correction {
  kind: Kind;
  /** (F x 2), all 0 but for ridge. */
  weights: Float64Array;
  constant: [number, number];
  /** Of the ridge; infinite for a constant. */
  strength: number;
  /** Root mean squared error on targets left out; null when there were too few to leave any out. */
  leftOut: Record<Kind, number> | null;
}

export function correct({ weights, constant }: Correction, features: ArrayLike<number>): [number, number] {
  let [x, y] = constant;
  for (let k = 0; k < weights.length / 2; k++) {
    x += features[k] * weights[2 * k];
    y += features[k] * weights[2 * k + 1];
  }
  return [x, y];
}

/** Least squares with a penalty `strength` (above 0) on the squared weights and none on the constant. */
export function fitRidge(
  features: readonly Float64Array[], wanted: readonly [number, number][], strength: number,
): { weights: Float64Array; constant: [number, number] } {
  const n = features.length, f = features[0].length;
  const middle = new Float64Array(f), aim = meanOf(wanted);
  for (const row of features) for (let k = 0; k < f; k++) middle[k] += row[k] / n;
  const normal = new Float64Array(f * f), right = new Float64Array(2 * f);
  features.forEach((row, i) => {
    for (let j = 0; j < f; j++) {
      const x = row[j] - middle[j];
      for (let k = j; k < f; k++) normal[j * f + k] += x * (row[k] - middle[k]);
      right[2 * j] += x * (wanted[i][0] - aim[0]);
      right[2 * j + 1] += x * (wanted[i][1] - aim[1]);
    }
  });
  for (let j = 0; j < f; j++) {
    for (let k = 0; k < j; k++) normal[j * f + k] = normal[k * f + j];
    normal[j * f + j] += strength;
  }
  const weights = solve(normal, right, f, 2);
  const constant: [number, number] = [...aim];
  for (let k = 0; k < f; k++) {
    constant[0] -= middle[k] * weights[2 * k];
    constant[1] -= middle[k] * weights[2 * k + 1];
  }
  return { weights, constant };
}

/**
 * The correction that does best on targets left out, or none.
 *
 * @param target which target each frame looks at: frames of one target are left out together.
 * @param caution how many targets' worth of belief that nothing needs correcting.
 */
export function fitGuarded(
  features: readonly Float64Array[], wanted: readonly [number, number][], target: readonly number[], caution: number,
): Correction {
  const names = [...new Set(target)];
  const nothing = new Float64Array(2 * features[0].length);
  const constant = constantOf(wanted, target, caution);
  if (names.length < FEWEST) return { kind: "constant", weights: nothing, constant, strength: Infinity, leftOut: null };
  let none = 0, still = 0;
  const each = STRENGTHS.map(() => 0);
  for (const name of names) {
    const kept = target.map((_, i) => i).filter((i) => target[i] !== name);
    const out = target.map((_, i) => i).filter((i) => target[i] === name);
    const x = kept.map((i) => features[i]), y = kept.map((i) => wanted[i]);
    const shift = constantOf(y, kept.map((i) => target[i]), caution);
    for (const i of out) {
      none += squared(wanted[i], [0, 0]);
      still += squared(wanted[i], shift);
    }
    STRENGTHS.forEach((strength, s) => {
      const fit: Correction = { kind: "ridge", ...fitRidge(x, y, strength), strength, leftOut: null };
      for (const i of out) each[s] += squared(wanted[i], correct(fit, features[i]));
    });
  }
  let best = 0;
  each.forEach((error, s) => {
    if (error <= each[best]) best = s; // of equal ones the stronger
  });
  const root = (sum: number) => Math.sqrt(sum / wanted.length);
  const leftOut: Record<Kind, number> = { none: root(none), constant: root(still), ridge: root(each[best]) };
  const kinds: Kind[] = ["none", "constant", "ridge"];
  const kind = kinds.reduce((least, other) => (leftOut[other] < leftOut[least] ? other : least));
  if (kind === "none") return { kind, weights: nothing, constant: [0, 0], strength: Infinity, leftOut };
  if (kind === "constant") return { kind, weights: nothing, constant, strength: Infinity, leftOut };
  return { kind, ...fitRidge(features, wanted, STRENGTHS[best]), strength: STRENGTHS[best], leftOut };
}

function meanOf(values: readonly [number, number][]): [number, number] {
  const sum: [number, number] = [0, 0];
  for (const [x, y] of values) {
    sum[0] += x;
    sum[1] += y;
  }
  return [sum[0] / values.length, sum[1] / values.length];
}

function constantOf(wanted: readonly [number, number][], target: readonly number[], caution: number): [number, number] {
  const count = new Set(target).size, [x, y] = meanOf(wanted);
  return [(x * count) / (count + caution), (y * count) / (count + caution)];
}

function squared(a: readonly [number, number], b: readonly [number, number]): number {
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2;
}
