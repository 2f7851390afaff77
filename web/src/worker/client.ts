/** The page's side of the engine: one frame is on its way at a time. */
import type { FrameReading, Models } from "../engine/types.ts";
import type { Answer, Request } from "./protocol.ts";

export class EngineFailure extends Error {
  constructor(
    readonly stage: "wasm" | "models" | "frame",
    message: string,
  ) {
    super(message);
  }
}

/** A reading, the picture it was read from, and the milliseconds it took to get at its pixels. */
export interface Read {
  reading: FrameReading;
  bitmap: ImageBitmap;
  grab: number;
}

/** The part of a Worker that is used; tests give one of their own. */
export interface Port {
  postMessage(message: Request, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<Answer>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

interface Waiting<T> {
  done(value: T): void;
  fail(error: Error): void;
}

export class EngineClient {
  providers: string[] = [];
  private loading: Waiting<EngineClient> | null = null;
  private reading: Waiting<Read> | null = null;

  private constructor(private readonly port: Port) {
    port.onmessage = ({ data }) => this.take(data);
    port.onerror = (event) => this.fail(new EngineFailure("wasm", event.message || "the worker did not start"));
  }

  /** Load the models; fails with an `EngineFailure` that says where. */
  static load(port: Port, models: Models, wasmPaths: string): Promise<EngineClient> {
    const client = new EngineClient(port);
    return new Promise((done, fail) => {
      client.loading = { done, fail };
      port.postMessage({ kind: "load", models, wasmPaths }, []);
    });
  }

  get busy(): boolean {
    return this.reading !== null;
  }

  /** Read a picture; it is taken over and comes back with the reading. Not while another is on its way. */
  frame(bitmap: ImageBitmap, seconds: number): Promise<Read> {
    if (this.reading) throw new Error("a frame is on its way already");
    return new Promise((done, fail) => {
      this.reading = { done, fail };
      this.port.postMessage({ kind: "frame", bitmap, seconds }, [bitmap]);
    });
  }

  /** Forget everybody: the next frame is another clip's. */
  reset(): void {
    this.port.postMessage({ kind: "reset" }, []);
  }

  close(): void {
    this.port.terminate();
  }

  private take(answer: Answer): void {
    if (answer.kind === "failed") this.fail(new EngineFailure(answer.stage, answer.message));
    else if (answer.kind === "ready") {
      this.providers = answer.providers;
      this.loading?.done(this);
      this.loading = null;
    } else {
      const waiting = this.reading;
      this.reading = null;
      waiting?.done({ reading: answer.reading, bitmap: answer.bitmap, grab: answer.grab });
    }
  }

  private fail(error: EngineFailure): void {
    const waiting = this.loading ?? this.reading;
    this.loading = this.reading = null;
    waiting?.fail(error);
  }
}
