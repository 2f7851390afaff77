/** What can go wrong, told so that one knows what to do. */

export interface Problem {
  title: string;
  what: string;
  todo: string[];
}

export const INSECURE: Problem = {
  title: "This address gets no camera",
  what: "Browsers give a camera only to pages of this machine or over https.",
  todo: [
    "On this machine, open http://localhost with the same port.",
    "From another machine, put a proxy with a certificate in front, or forward the port: ssh -L 8420:localhost:8420",
    "Videos and photos work here, too.",
  ],
};

export const NO_CAMERA: Problem = {
  title: "No camera is there",
  what: "The browser finds none on this machine.",
  todo: ["Plug one in, or switch it on, then try again.", "Or open a video or a photo."],
};

const REFUSED: Problem = {
  title: "The camera was refused",
  what: "This page may not use the camera.",
  todo: [
    "Allow it by the camera sign beside the address, then try again.",
    "If there is no such sign, look into the system's privacy settings for the browser.",
    "Or open a video or a photo.",
  ],
};

const IN_USE: Problem = {
  title: "The camera is busy",
  what: "Another program or page holds it, or it does not answer.",
  todo: ["Close calls and other pages that show the camera, then try again.", "Pull its plug and put it back if nothing helps."],
};

const NO_WASM: Problem = {
  title: "This browser cannot run the models",
  what: "The models need WebAssembly with SIMD, and a Web Worker that can draw.",
  todo: [
    "Use Chrome or Edge 91, Firefox 105, Safari 16.4, or newer.",
    "If WebAssembly is switched off (lockdown mode, an extension), allow it for this page.",
  ],
};

/** Why `getUserMedia` failed, by the name of its error. */
export function cameraProblem(error: unknown): Problem {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return REFUSED;
  if (name === "NotFoundError" || name === "OverconstrainedError") return NO_CAMERA;
  if (name === "NotReadableError" || name === "AbortError") return IN_USE;
  return { ...IN_USE, title: "The camera does not start", what: String(error) };
}

/** Why a file cannot be shown. */
export function fileProblem(name: string): Problem {
  return {
    title: "This file cannot be shown",
    what: `The browser cannot read ${name} as a picture or a video.`,
    todo: ["Photos: JPEG, PNG, WebP. Videos: MP4 (H.264), WebM.", "Or convert it: ffmpeg -i FILE -c:v libx264 out.mp4"],
  };
}

/** Why the models do not run; `stage` is where it happened. */
export function engineProblem(stage: "wasm" | "models" | "frame", message: string): Problem {
  if (stage === "wasm") return { ...NO_WASM, what: `${NO_WASM.what} (${message})` };
  if (stage === "models") {
    return {
      title: "The models did not load",
      what: message,
      todo: ["See that `nasion studio` still runs in its terminal, then try again.", "`nasion models verify` checks the files."],
    };
  }
  return { title: "The models stopped", what: message, todo: ["Try again; if it stays so, load the page anew and tell us what you see here."] };
}

/** The same in a browser that lacks what the engine needs; null where all is there. */
export function missingParts(): string | null {
  if (typeof WebAssembly !== "object") return "no WebAssembly";
  if (typeof Worker !== "function") return "no workers";
  if (typeof OffscreenCanvas !== "function" || typeof createImageBitmap !== "function") return "no canvas in workers";
  return null;
}
