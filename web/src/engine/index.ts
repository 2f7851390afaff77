/** The studio's engine: what the page and its worker import. */

export { calibrate } from "./calibration.ts";
export { createEngine } from "./engine.ts";
export { createSmoother } from "./regardSmoother.ts";
export { ASSUMED_SCREEN, type Screen } from "./screen.ts";
export { CAPTURE_S, PURSUIT_S, SETTLE_S, TARGETS } from "./targets.ts";
export type * from "./types.ts";
