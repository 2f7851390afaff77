import { readFileSync } from "node:fs";
import { gzipSync } from "fflate";
import { defineConfig, type Plugin } from "vite";

const RUNTIME = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded";

/**
 * The runtime's loader and its WebAssembly go beside the page. The .wasm is kept compressed (14 MB become 4) and the
 * server sends it so; fflate and not zlib, because its bytes are the same under every version of Node.
 */
function runtime(): Plugin {
  return {
    name: "nasion-runtime",
    apply: "build",
    generateBundle() {
      const wasm = gzipSync(readFileSync(`${RUNTIME}.wasm`), { level: 9, mtime: 0 });
      this.emitFile({ type: "asset", fileName: "ort/ort-wasm-simd-threaded.wasm.gz", source: wasm });
      this.emitFile({ type: "asset", fileName: "ort/ort-wasm-simd-threaded.mjs", source: readFileSync(`${RUNTIME}.mjs`) });
    },
  };
}

const names = {
  entryFileNames: "assets/[name].js",
  chunkFileNames: "assets/[name].js",
  assetFileNames: "assets/[name][extname]",
};

export default defineConfig({
  base: "./",
  // `onnxruntime-web` without a copy of the .wasm in the bundle: the loader fetches ort/ instead
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"] },
  plugins: [runtime()],
  build: {
    outDir: "../src/nasion/serve/studio",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: { output: names },
  },
  worker: { format: "es", rolldownOptions: { output: names } },
  server: {
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
    proxy: { "/models": "http://127.0.0.1:8420", "/ort": "http://127.0.0.1:8420" },
  },
});
