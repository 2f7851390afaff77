/** ONNX Runtime Web behind one small door: `nasion.models.session`. It says what really computes. */

import * as ort from "onnxruntime-web/wasm";

export const MAX_THREADS = 4; // small networks stop gaining there, and the rest of the machine stays usable

export interface Runtime {
  threads: number;
  /** Such as "wasm, 2 threads". */
  name: string;
}

/** Sets the runtime up, once, before the first model is loaded. */
export function startRuntime(wasmPaths: string, threads: number | undefined): Runtime {
  const cores = globalThis.navigator?.hardwareConcurrency ?? 1;
  // threads need shared memory, which browsers give to cross-origin isolated pages alone
  const shared = globalThis.crossOriginIsolated ?? typeof SharedArrayBuffer !== "undefined";
  const used = shared ? Math.max(1, Math.min(threads ?? cores, MAX_THREADS)) : 1;
  ort.env.wasm.numThreads = used;
  ort.env.logLevel = "error";
  if (wasmPaths) ort.env.wasm.wasmPaths = wasmPaths;
  return { threads: used, name: used === 1 ? "wasm, 1 thread" : `wasm, ${used} threads` };
}

export async function download(url: string): Promise<Uint8Array> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`the model ${url} cannot be loaded: ${answer.status} ${answer.statusText}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** A model ready to run. */
export class Model {
  private constructor(private readonly session: ort.InferenceSession) {}

  static async load(bytes: Uint8Array): Promise<Model> {
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      // DequantizeLinear of weights is then worked out once, while the model loads
      extra: { session: { disable_quant_qdq: "1" } },
    });
    return new Model(session);
  }

  /** Runs once; outputs by name, with their shapes. */
  async run(
    name: string, data: Float32Array | Uint8Array, shape: readonly number[],
  ): Promise<Record<string, { data: Float32Array; dims: readonly number[] }>> {
    const tensor = data instanceof Uint8Array ? new ort.Tensor("uint8", data, shape) : new ort.Tensor("float32", data, shape);
    const found = await this.session.run({ [name]: tensor });
    return found as unknown as Record<string, { data: Float32Array; dims: readonly number[] }>;
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}
