/** What to look at while a session is calibrated, fractions of the screen: `nasion.gaze.targets`. */

import type { Targets } from "./types.ts";

export const MARGIN = 0.1; // of the screen
export const SETTLE_S = 1.0, CAPTURE_S = 1.0; // per point: time to find it, and time that counts
export const PURSUIT_S = 5.0; // one figure
const WAVES = [3, 2, 0.4, 0.4]; // turns across and down in one figure; reach across and down

const [A, B] = [MARGIN, 1 - MARGIN];
const NINE: [number, number][] = [[0.5, 0.5], [A, A], [B, A], [A, B], [B, B], [0.5, A], [A, 0.5], [B, 0.5], [0.5, B]];

export const TARGETS: Targets = {
  nine: NINE,
  five: NINE.slice(0, 5),
  pursuit(seconds) {
    const [across, down, reachX, reachY] = WAVES, turn = (2 * Math.PI * seconds) / PURSUIT_S;
    return [0.5 + reachX * Math.sin(across * turn), 0.5 + reachY * Math.sin(down * turn)];
  },
};
