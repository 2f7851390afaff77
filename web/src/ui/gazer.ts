/** The calibration that holds now, and where it says that the eyes look. */
import { calibrate } from "../engine/calibration.ts";
import { createSmoother } from "../engine/regardSmoother.ts";
import { ASSUMED_SCREEN, type Screen } from "../engine/screen.ts";
import type { Calibration, Sample, Smoother } from "../engine/types.ts";
import { unit } from "../logic/fixations.ts";

export class Gazer {
  calibration: Calibration | null = null;
  private smoother: Smoother | null = null;

  /** The screen: as wide as the user said, else as wide as usual. */
  static screen(widthCm: number | null): Screen {
    const width = widthCm ? widthCm * 10 : ASSUMED_SCREEN.width;
    return { ...ASSUMED_SCREEN, width, height: (width * window.screen.height) / window.screen.width };
  }

  static get aspect(): number {
    return window.screen.width / window.screen.height;
  }

  set(samples: readonly Sample[], screen: Screen): Calibration {
    this.calibration = calibrate([...samples], screen);
    const noise = (this.calibration.errorOfScreen * Math.hypot(screen.width, screen.height)) / Math.SQRT2;
    this.smoother = createSmoother(Math.max(1, noise), screen);
    return this.calibration;
  }

  forget(): void {
    this.calibration = this.smoother = null;
  }

  /** Fractions of the screen, smoothed; null where it is not known. */
  look(embedding: Float32Array | null, seconds: number): [number, number] | null {
    if (!this.calibration || !this.smoother || !embedding) return null;
    const [x, y] = this.smoother.next(this.calibration.predict(embedding), seconds);
    return Number.isFinite(x) && Number.isFinite(y) ? [x, y] : null;
  }
}

/** Looks at each group of samples by a calibration that never saw that group, and their mean error, share of the diagonal. */
export function leftOut(groups: readonly Sample[][], screen: Screen): { looks: [number, number][]; error: number }[] {
  const [across, down] = unit(Gazer.aspect);
  return groups.map((group, i) => {
    const others = groups.filter((_, k) => k !== i).flat();
    if (!group.length || !others.length) return { looks: [], error: NaN };
    const { predict } = calibrate(others, screen);
    const looks = group.map(({ embedding }) => predict(embedding));
    const off = looks.map(([x, y], k) => Math.hypot((x - group[k].target[0]) * across, (y - group[k].target[1]) * down));
    return { looks, error: off.reduce((a, b) => a + b, 0) / off.length };
  });
}
