/** A person before a screen: a few known looks, then where they look: `nasion.gaze.session` (`GazeSession`). */

import { CODE } from "./gazeEncoder.ts";
import { correct, fitGuarded, type Kind } from "./ridge.ts";
import { ASSUMED_SCREEN, toFraction, toMillimetres, type Screen } from "./screen.ts";
import type { Calibration, Sample } from "./types.ts";

export const CAUTION = 0.9589; // of the embedded encoder, as its file says; a test compares both
export const USUAL_ERROR = 8.0; // degrees, before any calibration
const STRETCHES = 8; // of time, into which a moving target's frames are cut

const REASONS: Record<Kind, string> = {
  ridge: "a correction learned from your looks did best on targets left out",
  constant: "a plain shift did best on targets left out",
  none: "no correction did better on targets left out than none: your looks are used as they are",
};

/**
 * Fits the correction to looks at known places.
 *
 * @param samples one a frame, in order of time; frames with the same target are left out together when the correction is
 *   chosen, a moving target is cut into eight stretches of time.
 * @param screen its size; a page does not know it, so by default a usual one is assumed.
 */
export function calibrate(samples: Sample[], screen: Screen = ASSUMED_SCREEN): Calibration {
  const looks = samples.filter(({ embedding, target }) => [...embedding, ...target].every(Number.isFinite));
  if (!looks.length) throw new Error("none of the frames shows open eyes that look at the screen: calibrate once more");
  const features = looks.map(({ embedding }) => Float64Array.from(embedding.subarray(0, CODE + 2)));
  const mm = looks.map(({ target }) => toMillimetres(target, screen));
  const wanted = looks.map(({ embedding }, i): [number, number] => {
    const distance = embedding[CODE + 2];
    return [mm[i][0] / distance - embedding[CODE], mm[i][1] / distance - embedding[CODE + 1]];
  });
  const groups = groupsOf(mm);
  const correction = fitGuarded(features, wanted, groups, CAUTION);
  const distance = looks.reduce((sum, { embedding }) => sum + embedding[CODE + 2], 0) / looks.length;
  const tangent = correction.leftOut?.[correction.kind] ?? (USUAL_ERROR * Math.PI) / 180;
  return {
    predict(embedding) {
      const z = embedding[CODE + 2], [x, y] = correct(correction, embedding.subarray(0, CODE + 2));
      return toFraction([(embedding[CODE] + x) * z, (embedding[CODE + 1] + y) * z], screen);
    },
    errorOfScreen: (tangent * distance) / Math.hypot(screen.width, screen.height),
    points: new Set(groups).size,
    reason: correction.leftOut ? REASONS[correction.kind] : "fewer than three targets: a cautious shift, untested",
  };
}

/** Which target each frame looks at; where nearly every frame has its own, eight stretches of time. */
function groupsOf(mm: readonly [number, number][]): number[] {
  const names = new Map<string, number>();
  const group = mm.map(([x, y]) => {
    const name = `${x.toFixed(3)} ${y.toFixed(3)}`;
    if (!names.has(name)) names.set(name, names.size);
    return names.get(name) as number;
  });
  if (mm.length >= 24 && names.size > 0.6 * mm.length) return mm.map((_, i) => Math.floor((i * STRETCHES) / mm.length));
  return group;
}
