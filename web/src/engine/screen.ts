/** Where a fraction of the screen lies before the camera: `nasion.gaze.screen`. */

export interface Screen {
  /** Of the lit part, mm. */
  width: number;
  height: number;
  /** Where the camera is, as a fraction of the width from the left edge. */
  cameraX: number;
  /** mm that the camera is above the upper edge. */
  cameraAbove: number;
}

/**
 * The screen to assume where nobody says: a page cannot know its size. 15.6 inches, 16 : 9, the camera in the middle of
 * the upper edge. A calibration makes up for a wrong guess; what is uncalibrated is only as good as it.
 */
export const ASSUMED_SCREEN: Screen = { width: 344, height: 194, cameraX: 0.5, cameraAbove: 5 };

/** Fractions of the screen to mm in the camera's plane z = 0, camera frame (the viewer's left is x > 0). */
export function toMillimetres([x, y]: readonly [number, number], screen: Screen): [number, number] {
  return [(screen.cameraX - x) * screen.width, y * screen.height + screen.cameraAbove];
}

/** And back; beyond 0..1 off the screen. */
export function toFraction([x, y]: readonly [number, number], screen: Screen): [number, number] {
  return [screen.cameraX - x / screen.width, (y - screen.cameraAbove) / screen.height];
}

/** Where a look from `start` (mm) along `way` meets the camera's plane; null for looks away from it or almost along it. */
export function meetPlane(start: readonly number[], way: readonly number[]): [number, number] | null {
  const length = Math.hypot(...way), z = way[2] / length;
  if (!(z < -0.1)) return null;
  const reach = -start[2] / z;
  return [start[0] + (way[0] / length) * reach, start[1] + (way[1] / length) * reach];
}
