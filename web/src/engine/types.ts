/**
 * What the engine takes and gives: the seam between the studio's page and the arithmetic behind it.
 *
 * Pixels: x right, y down, pixel centres at integers. "left" and "right" are the subject's. Angles in degrees.
 */

/** One picture, RGBA as a canvas gives it; not mirrored. */
export interface Picture {
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

/** Addresses of the three graphs. */
export interface Models {
  detector: string;
  landmarker: string;
  gazeEncoder: string;
}

export interface EngineOptions {
  /** Threads of the wasm runtime; left out: as many as help (needs a cross-origin isolated page). */
  threads?: number;
  /** Where onnxruntime-web's .wasm and .mjs files lie, ending in a slash. */
  wasmPaths: string;
}

export interface Eye {
  /** 1 as open as the person's own open eye, 0 shut; NaN while the lids cannot be seen. */
  openness: number;
  /** Eyelid angle, degrees; of the points as placed, before they are smoothed. */
  angle: number;
  /** 0..1; below 0.5 do not believe the numbers. */
  reliability: number;
}

export interface Blink {
  /** Seconds, as are `end` and `peak`. */
  start: number;
  end: number;
  peak: number;
  /** How far the eye closed: share of the person's own open eye. */
  amplitude: number;
}

export interface FaceReading {
  id: number;
  /** x0, y0, x1, y1 px. */
  box: [number, number, number, number];
  score: number;
  /** 478 x 3 px, scheme dense478. */
  points: Float32Array;
  /** 478 probabilities 0..1 that the point can be seen. */
  visibility: Float32Array;
  /** 478 standard deviations per axis, px. */
  sigma: Float32Array;
  /** Degrees, nasion's convention; distance in mm or NaN. */
  pose: { yaw: number; pitch: number; roll: number; distance: number };
  left: Eye;
  right: Eye;
  /** All blinks so far of this track; the last ones may still change as more of the curve comes. */
  blinks: Blink[];
  /** The encoder's embedding for the ridge head; null where eyes are shut or hidden. */
  gaze: Float32Array | null;
}

export interface FrameReading {
  faces: FaceReading[];
  width: number;
  height: number;
  seconds: number;
  ms: { detect: number; landmarks: number; read: number; total: number };
}

export interface Engine {
  frame(picture: Picture, seconds: number): Promise<FrameReading>;
  reset(): void;
  close(): Promise<void>;
  /** What really computes, such as "wasm, 2 threads". */
  providers: string[];
}

export type CreateEngine = (models: Models, options: EngineOptions) => Promise<Engine>;

/** One embedding looked at while the target stood at (x, y), 0..1 of the screen, origin top-left. */
export interface Sample {
  embedding: Float32Array;
  target: [number, number];
}

export interface Calibration {
  predict(embedding: Float32Array): [number, number];
  /** Leave-one-point-out error, share of the screen's diagonal. */
  errorOfScreen: number;
  points: number;
  /** What the guard chose. */
  reason: string;
}

export type Calibrate = (samples: Sample[]) => Calibration;

export interface Smoother {
  next(point: [number, number], seconds: number): [number, number];
  reset(): void;
}

export type CreateSmoother = () => Smoother;

export interface Targets {
  nine: [number, number][];
  five: [number, number][];
  pursuit(seconds: number): [number, number];
}
