/** What the page and the engine's worker say to each other. */
import type { FrameReading, Models } from "../engine/types.ts";

export type Request =
  | { kind: "load"; models: Models; wasmPaths: string }
  | { kind: "frame"; bitmap: ImageBitmap; seconds: number }
  | { kind: "reset" };

export type Answer =
  | { kind: "ready"; providers: string[] }
  | { kind: "read"; reading: FrameReading; bitmap: ImageBitmap; grab: number }
  | { kind: "failed"; stage: "wasm" | "models" | "frame"; message: string };
