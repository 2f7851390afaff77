import type { Blink, FaceReading, FrameReading } from "../../src/engine/types.ts";

/** A made-up reading: what a test changes it names. */
export function face(changes: Partial<FaceReading> & { open?: number } = {}): FaceReading {
  const { open = 1, ...rest } = changes;
  const eye = { openness: open, angle: 60 * open, reliability: 0.9 };
  return {
    id: 1, box: [10, 20, 110, 140], score: 0.9, points: new Float32Array(478 * 3).fill(5), visibility: new Float32Array(478).fill(0.8),
    sigma: new Float32Array(478).fill(1.5), pose: { yaw: 1, pitch: -2, roll: 3, distance: 500 }, left: eye, right: eye, blinks: [],
    gaze: null, ...rest,
  }; // prettier-ignore
}

export function frame(faces: FaceReading[], seconds: number): FrameReading {
  return { faces, width: 320, height: 240, seconds, ms: { detect: 1, landmarks: 2, read: 3, total: 6 } };
}

export function blink(start: number): Blink {
  return { start, end: start + 0.3, peak: start + 0.12, amplitude: 0.9 };
}
