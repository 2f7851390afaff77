/** Figures on blinks of the face that is read: how many, how often, and how long lids were shut. */
import type { FaceReading } from "../engine/types.ts";

export const WINDOW_S = 60; // rates are those of the last minute
export const SHUT = 0.2; // openness at which lids count as shut, as in PERCLOS: 80 % closed
const LONGEST_STEP_S = 0.5; // a longer gap between frames is not time that was looked at

export interface LidFigures {
  blinks: number;
  /** Blinks a minute over the last minute, or over what there is of it; null before ten seconds. */
  rate: number | null;
  /** Share of the last minute's measured time with lids shut; null before ten seconds. */
  shut: number | null;
}

const ENOUGH_S = 10;

/** Counts along: call `add` with every frame's face, in order of time. */
export class LidCounter {
  private readonly blinkTimes: number[] = [];
  private readonly steps: { at: number; length: number; shut: boolean }[] = [];
  private counted = 0;
  private last: number | null = null;
  private readonly known = new Map<number, number>();

  /** `face` is the one read, or null where there is none. */
  add(face: FaceReading | null, seconds: number): void {
    const step = this.last === null ? 0 : seconds - this.last;
    this.last = seconds;
    if (!face) return;
    const before = this.known.get(face.id) ?? 0;
    for (const blink of face.blinks.slice(before)) this.blinkTimes.push(blink.end);
    this.counted += Math.max(0, face.blinks.length - before);
    this.known.set(face.id, Math.max(before, face.blinks.length));
    const open = openness(face);
    if (open !== null && step > 0 && step <= LONGEST_STEP_S) this.steps.push({ at: seconds, length: step, shut: open <= SHUT });
    while (this.steps.length && this.steps[0].at < seconds - WINDOW_S) this.steps.shift();
    while (this.blinkTimes.length && this.blinkTimes[0] < seconds - WINDOW_S) this.blinkTimes.shift();
  }

  figures(): LidFigures {
    const looked = this.steps.reduce((sum, step) => sum + step.length, 0);
    if (looked < ENOUGH_S) return { blinks: this.counted, rate: null, shut: null };
    const shut = this.steps.reduce((sum, step) => sum + (step.shut ? step.length : 0), 0);
    return { blinks: this.counted, rate: (this.blinkTimes.length * 60) / looked, shut: shut / looked };
  }
}

/** Both eyes in one number, the better seen counting more; null where neither can be believed. */
export function openness(face: FaceReading): number | null {
  const sides = [face.left, face.right].filter((eye) => eye.reliability >= 0.5 && Number.isFinite(eye.openness));
  const weight = sides.reduce((sum, eye) => sum + eye.reliability, 0);
  return weight > 0 ? sides.reduce((sum, eye) => sum + eye.openness * eye.reliability, 0) / weight : null;
}

/** The face that is read: the largest; null where there is none. */
export function mainFace(faces: readonly FaceReading[]): FaceReading | null {
  const area = ({ box: [x0, y0, x1, y1] }: FaceReading) => (x1 - x0) * (y1 - y0);
  return faces.reduce<FaceReading | null>((best, face) => (best && area(best) >= area(face) ? best : face), null);
}
