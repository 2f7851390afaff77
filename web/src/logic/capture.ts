/** The course of a calibration: where the target is when, and which frames count. */
import type { Sample } from "../engine/types.ts";

/** A target that stands still, or one that moves (`place` by the seconds since it set out). */
export interface Step {
  place(seconds: number): [number, number];
  settle: number;
  capture: number;
}

/** Where things stand: the step, the target, whether frames count now, and how far the part is (0..1). */
export interface Stage {
  step: number;
  target: [number, number];
  capturing: boolean;
  share: number;
}

export const FEWEST = 5; // frames below which a point says too little
const WEAK = 1.6; // times the usual point's error
const SMALL = 0.025; // of the diagonal; no point is weak below it

export function still(points: readonly [number, number][], settle: number, capture: number): Step[] {
  return points.map((point) => ({ place: () => point, settle, capture }));
}

/** Collects the samples of a run through the steps; times are seconds since the first step began. */
export class Capture {
  /** Samples of each step. */
  readonly samples: Sample[][];
  /** Frames that came while they counted but showed shut or hidden eyes. */
  leftOut = 0;

  constructor(private readonly steps: readonly Step[]) {
    this.samples = steps.map(() => []);
  }

  get seconds(): number {
    return this.steps.reduce((sum, step) => sum + step.settle + step.capture, 0);
  }

  /** Null once all is done. */
  stage(seconds: number): Stage | null {
    let began = 0;
    for (const [i, step] of this.steps.entries()) {
      const into = seconds - began;
      if (into < step.settle + step.capture) {
        const capturing = into >= step.settle;
        const share = capturing ? (into - step.settle) / step.capture : Math.max(0, into) / step.settle;
        return { step: i, target: step.place(Math.max(0, into)), capturing, share };
      }
      began += step.settle + step.capture;
    }
    return null;
  }

  /** A frame taken at a time; `embedding` is null where the eyes could not be read. */
  add(seconds: number, embedding: Float32Array | null): void {
    const stage = this.stage(seconds);
    if (!stage?.capturing) return;
    if (embedding) this.samples[stage.step].push({ embedding, target: stage.target });
    else this.leftOut++;
  }
}

/** Rows of the steps that should be done again, the worst first: too few frames, or far worse than the others. */
export function weakSteps(counts: readonly number[], errors: readonly number[]): number[] {
  const known = errors.filter(Number.isFinite).sort((a, b) => a - b);
  const usual = known.length ? known[known.length >> 1] : 0;
  const badness = counts.map((count, i) => (count < FEWEST ? Infinity : errors[i] > Math.max(SMALL, WEAK * usual) ? errors[i] : 0));
  return badness
    .map((bad, i) => [bad, i] as const)
    .filter(([bad]) => bad > 0)
    .sort((a, b) => b[0] - a[0])
    .map(([, i]) => i);
}
