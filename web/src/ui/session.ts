/** What is going on: a source, the engine, and everybody who wants to know what was read. */
import type { FaceReading, FrameReading } from "../engine/types.ts";
import { LidCounter, mainFace } from "../logic/lids.ts";
import { EngineClient, EngineFailure, type Port } from "../worker/client.ts";
import { engineProblem, missingParts, type Problem } from "./problems.ts";
import { openCamera, openFile, SourceProblem, type Source } from "./source.ts";

/** One frame that was read. */
export interface Moment {
  reading: FrameReading;
  face: FaceReading | null;
  bitmap: ImageBitmap;
  /** ms to get at the pixels, and from the picture's arrival to its reading. */
  grab: number;
  whole: number;
}

export interface Listener {
  /** The models' state, for people. */
  engine(state: "loading" | "ready" | "failed", words: string): void;
  /** Another source runs, or none. */
  source(source: Source | null): void;
  problem(problem: Problem | null): void;
  moment(moment: Moment, session: Session): void;
  ended(): void;
}

export class Session {
  source: Source | null = null;
  lids = new LidCounter();
  /** Frames that came while another was read, and frames that were read. */
  dropped = 0;
  taken = 0;
  private client: EngineClient | null = null;
  private opening: Promise<EngineClient> | null = null;
  private waiting: number | null = null;
  private run = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly listener: Listener,
  ) {}

  get providers(): string[] {
    return this.client?.providers ?? [];
  }

  async camera(deviceId: string | null): Promise<boolean> {
    return this.begin(() => openCamera(this.video, deviceId));
  }

  async file(file: File): Promise<boolean> {
    return this.begin(() => openFile(this.video, file));
  }

  stop(): void {
    this.run++;
    this.waiting = null;
    this.source?.stop();
    this.source = null;
    this.listener.source(null);
  }

  /** Load the models, once; null where that fails, and the listener knows why. */
  async load(): Promise<EngineClient | null> {
    if (this.client) return this.client;
    const missing = missingParts();
    try {
      if (missing) throw new EngineFailure("wasm", missing);
      this.listener.engine("loading", "loading the models");
      this.opening ??= EngineClient.load(newWorker(), addresses(), new URL("ort/", document.baseURI).href);
      this.client = await this.opening;
      this.listener.engine("ready", this.client.providers.join(", "));
      return this.client;
    } catch (error) {
      this.opening = null;
      const [stage, message] = error instanceof EngineFailure ? [error.stage, error.message] : (["models", String(error)] as const);
      this.listener.engine("failed", "models not loaded");
      this.listener.problem(engineProblem(stage, message));
      return null;
    }
  }

  private async begin(open: () => Promise<Source>): Promise<boolean> {
    this.stop();
    this.listener.problem(null);
    const run = this.run;
    let source: Source;
    try {
      const engine = this.load();
      source = await open();
      if (!(await engine)) {
        source.stop();
        return false;
      }
    } catch (error) {
      if (!(error instanceof SourceProblem)) throw error;
      this.listener.problem(error.problem);
      return false;
    }
    if (run !== this.run) {
      source.stop();
      return false;
    }
    this.client?.reset();
    this.source = source;
    this.lids = new LidCounter();
    this.dropped = this.taken = 0;
    this.listener.source(source);
    source.run((seconds) => this.offer(seconds), () => this.listener.ended());
    return true;
  }

  /** A new picture is there: read it, or remember that it waits. One that waits is replaced by the next, and dropped. */
  private offer(seconds: number): void {
    if (this.waiting !== null) this.dropped++;
    this.waiting = seconds;
    if (!this.client?.busy) void this.read();
  }

  private async read(): Promise<void> {
    const { client, source, run } = this;
    if (!client || !source || this.waiting === null || client.busy) return;
    const seconds = this.waiting;
    this.waiting = null;
    try {
      const began = performance.now();
      const bitmap = await source.grab();
      if (run !== this.run || client.busy) return bitmap.close();
      const { reading, bitmap: back, grab } = await client.frame(bitmap, seconds);
      if (run === this.run) {
        this.taken++;
        source.pace((performance.now() - began) / 1000);
        const face = mainFace(reading.faces);
        this.lids.add(face, seconds);
        this.listener.moment({ reading, face, bitmap: back, grab, whole: performance.now() - began }, this);
      }
      back.close();
    } catch (error) {
      if (run !== this.run) return;
      this.stop();
      this.listener.problem(engineProblem("frame", error instanceof Error ? error.message : String(error)));
      return;
    }
    void this.read();
  }
}

function newWorker(): Port {
  return new Worker(new URL("../worker/engine.worker.ts", import.meta.url), { type: "module", name: "engine" }) as unknown as Port;
}

function addresses(): { detector: string; landmarker: string; gazeEncoder: string } {
  const of = (name: string) => new URL(`models/${name}.onnx`, document.baseURI).href;
  return { detector: of("detector"), landmarker: of("landmarker"), gazeEncoder: of("gaze_encoder") };
}
