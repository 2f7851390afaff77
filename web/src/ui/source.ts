/** Where pictures come from: the camera, a video, or a photo. */
import { cameraProblem, fileProblem, INSECURE, NO_CAMERA, type Problem } from "./problems.ts";

const LONGEST = 4096; // px of a photo's longer side; more is made smaller
const SLOWEST = 0.0625; // playback rate; browsers go no lower
const SPARE = 1.25; // times what a picture takes: the next is not there at once

export class SourceProblem extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

export interface Source {
  kind: "camera" | "video" | "photo";
  name: string;
  /** Call `take` for every new picture with its time in seconds, until `stop`; `ended` when there are no more. */
  run(take: (seconds: number) => void, ended: () => void): void;
  /** The picture that is there now. */
  grab(): Promise<ImageBitmap>;
  /** Told how many seconds a picture took: a file goes on no faster than all its pictures can be read. */
  pace(took: number): void;
  stop(): void;
}

/** The user's camera; its pictures go nowhere but into this page. */
export async function openCamera(video: HTMLVideoElement, deviceId: string | null): Promise<Source> {
  if (!navigator.mediaDevices?.getUserMedia) throw new SourceProblem(window.isSecureContext ? NO_CAMERA : INSECURE);
  const wanted: MediaTrackConstraints = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  if (deviceId) wanted.deviceId = { exact: deviceId };
  else wanted.facingMode = "user";
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    throw new SourceProblem(cameraProblem(error));
  }
  video.srcObject = stream;
  await video.play();
  const track = stream.getVideoTracks()[0];
  let ended: (() => void) | null = null;
  track.addEventListener("ended", () => ended?.());
  const following = follow(video, () => performance.now() / 1000);
  return {
    kind: "camera",
    name: track.label || "camera",
    run(take, over) {
      ended = over;
      following.start(take);
    },
    grab: () => createImageBitmap(video),
    pace: () => {}, // the world does not wait
    stop() {
      ended = null;
      following.stop();
      for (const one of stream.getTracks()) one.stop();
      video.srcObject = null;
    },
  };
}

/** A video or photo from a file. */
export async function openFile(video: HTMLVideoElement, file: File): Promise<Source> {
  return file.type.startsWith("image/") ? openPhoto(file) : openVideo(video, file);
}

async function openPhoto(file: File): Promise<Source> {
  let whole: ImageBitmap;
  try {
    whole = await createImageBitmap(file);
  } catch {
    throw new SourceProblem(fileProblem(file.name));
  }
  const scale = Math.min(1, LONGEST / Math.max(whole.width, whole.height));
  return {
    kind: "photo",
    name: file.name,
    run: (take) => take(0),
    grab: () => createImageBitmap(whole, { resizeWidth: Math.round(whole.width * scale), resizeHeight: Math.round(whole.height * scale) }),
    pace: () => {},
    stop: () => whole.close(),
  };
}

async function openVideo(video: HTMLVideoElement, file: File): Promise<Source> {
  const address = URL.createObjectURL(file);
  video.src = address;
  const close = () => {
    video.pause();
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(address);
  };
  try {
    await new Promise<void>((done, fail) => {
      video.onloadeddata = () => (video.videoWidth ? done() : fail());
      video.onerror = () => fail();
    });
  } catch {
    close();
    throw new SourceProblem(fileProblem(file.name));
  }
  let [before, step] = [0, 0]; // time of the last picture, and between two of them, s
  const following = follow(video, (stamp) => {
    const apart = stamp - before;
    if (apart > 0) step = step ? Math.min(step * 1.05, apart) : apart;
    return (before = stamp);
  });
  return {
    kind: "video",
    name: file.name,
    run(take, ended) {
      video.onended = ended;
      following.start(take);
      void video.play();
    },
    grab: () => createImageBitmap(video),
    pace(took) {
      if (step) video.playbackRate = Math.min(1, Math.max(SLOWEST, step / (SPARE * took)));
    },
    stop() {
      video.onended = video.onerror = video.onloadeddata = null;
      following.stop();
      close();
    },
  };
}

/** Every new picture of a video element; `clock` turns its time in the file into the time that counts. */
function follow(video: HTMLVideoElement, clock: (stamp: number) => number): { start(take: (seconds: number) => void): void; stop(): void } {
  let handle = 0;
  return {
    start(take) {
      const next = (_: number, meta: VideoFrameCallbackMetadata) => {
        handle = video.requestVideoFrameCallback(next);
        take(clock(meta.mediaTime));
      };
      handle = video.requestVideoFrameCallback(next);
    },
    stop: () => video.cancelVideoFrameCallback(handle),
  };
}

/** The cameras there are; names come only after one was allowed. */
export async function cameras(): Promise<MediaDeviceInfo[]> {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return all.filter((device) => device.kind === "videoinput" && device.deviceId);
}
