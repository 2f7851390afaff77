/** The engine, away from the page's own thread: pictures come as bitmaps and go back as they came, to be drawn. */
import { createEngine } from "../engine/index.ts";
import type { Engine, Models } from "../engine/types.ts";
import type { Answer, Request } from "./protocol.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;
const canvas = new OffscreenCanvas(1, 1);
const pen = canvas.getContext("2d", { willReadFrequently: true });
let engine: Engine | null = null;

function answer(message: Answer, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

scope.addEventListener("message", async ({ data }: MessageEvent<Request>) => {
  if (data.kind === "load") await load(data.models, data.wasmPaths);
  else if (data.kind === "reset") engine?.reset();
  else await read(data.bitmap, data.seconds);
});

async function load(models: Models, wasmPaths: string): Promise<void> {
  try {
    for (const address of Object.values(models)) {
      const found = await fetch(address);
      if (!found.ok) throw new Error(`${new URL(address).pathname}: ${(await found.text()).trim()}`);
      await found.arrayBuffer(); // now it is in the browser's cache
    }
  } catch (error) {
    answer({ kind: "failed", stage: "models", message: words(error) });
    return;
  }
  try {
    engine = await createEngine(models, { wasmPaths });
    answer({ kind: "ready", providers: engine.providers });
  } catch (error) {
    const message = words(error);
    answer({ kind: "failed", stage: /wasm|webassembly|simd|backend/i.test(message) ? "wasm" : "models", message });
  }
}

async function read(bitmap: ImageBitmap, seconds: number): Promise<void> {
  try {
    if (!engine || !pen) throw new Error("the models are not loaded");
    const began = performance.now();
    const { width, height } = bitmap;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    pen.drawImage(bitmap, 0, 0);
    const { data } = pen.getImageData(0, 0, width, height);
    const grab = performance.now() - began;
    const reading = await engine.frame({ data, width, height }, seconds);
    answer({ kind: "read", reading, bitmap, grab }, [bitmap]);
  } catch (error) {
    bitmap.close();
    answer({ kind: "failed", stage: "frame", message: words(error) });
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
