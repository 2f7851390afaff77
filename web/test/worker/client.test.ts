import { expect, test } from "vitest";
import { EngineClient, EngineFailure, type Port } from "../../src/worker/client.ts";
import type { Answer, Request } from "../../src/worker/protocol.ts";
import { face, frame } from "../logic/face.ts";

/** A worker that answers when it is told to. */
class StandIn implements Port {
  asked: Request[] = [];
  onmessage: ((event: MessageEvent<Answer>) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  postMessage(message: Request): void {
    this.asked.push(message);
  }
  terminate(): void {}
  answer(data: Answer): void {
    this.onmessage?.({ data } as MessageEvent<Answer>);
  }
}

const MODELS = { detector: "d", landmarker: "l", gazeEncoder: "g" };
const BITMAP = {} as ImageBitmap;

async function loaded(): Promise<{ port: StandIn; client: EngineClient }> {
  const port = new StandIn();
  const coming = EngineClient.load(port, MODELS, "/ort/");
  port.answer({ kind: "ready", providers: ["wasm, 2 threads"] });
  return { port, client: await coming };
}

test("loading hands over the addresses and tells what computes", async () => {
  const { port, client } = await loaded();
  expect(port.asked[0]).toEqual({ kind: "load", models: MODELS, wasmPaths: "/ort/" });
  expect(client.providers).toEqual(["wasm, 2 threads"]);
});

test("one frame is on its way at a time, and its picture comes back", async () => {
  const { port, client } = await loaded();
  const coming = client.frame(BITMAP, 1.5);
  expect(client.busy).toBe(true);
  expect(() => client.frame(BITMAP, 1.6)).toThrow("already");
  const reading = frame([face()], 1.5);
  port.answer({ kind: "read", reading, bitmap: BITMAP, grab: 0.7 });
  expect(await coming).toEqual({ reading, bitmap: BITMAP, grab: 0.7 });
  expect(client.busy).toBe(false);
});

test("a failure says where, and the next frame may come", async () => {
  const { port, client } = await loaded();
  const coming = client.frame(BITMAP, 0);
  port.answer({ kind: "failed", stage: "frame", message: "out of memory" });
  await expect(coming).rejects.toMatchObject({ stage: "frame", message: "out of memory" });
  expect(client.busy).toBe(false);
});

test("a worker that does not start is a failure of WebAssembly", async () => {
  const port = new StandIn();
  const coming = EngineClient.load(port, MODELS, "/ort/");
  port.onerror?.({ message: "no module" } as ErrorEvent);
  await expect(coming).rejects.toBeInstanceOf(EngineFailure);
});
