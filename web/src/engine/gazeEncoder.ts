/**
 * The frozen half of a calibrated gaze tracker: `nasion.gaze.canonical`, `nasion.gaze.encoder` and the part of
 * `nasion.gaze.session` that says which frames can be read.
 *
 * Source: EMC-Gaze, arXiv 2603.12388.
 */

import { cameraForImage, type Camera } from "./camera.ts";
import type { Face } from "./face.ts";
import type { HeadPose } from "./headPose.ts";
import type { Model } from "./model.ts";
import { meetPlane } from "./screen.ts";

const RIGHT = [468, 469, 470, 471, 472, 33, 160, 159, 158, 133, 153, 145, 144]; // iris, then round the lids
const LEFT = [473, 474, 475, 476, 477, 263, 387, 386, 385, 362, 380, 374, 373];
const HEAD = [4, 9, 151, 168, 234, 454, 50, 280]; // nose tip, brow, forehead, bridge, sides of the face, cheeks
export const NODES = [...RIGHT, ...LEFT, ...HEAD]; // of dense478: what the encoder looks at
const CORNERS = [5, 9, 18, 22]; // rows of NODES
const AXIS = 60.0; // mm: the head's frame joins the cloud as its origin and a point this far along each axis
export const CLOUD = NODES.length + 4;
export const SHUT = 0.1; // lid height over eye width
export const CODE = 8; // numbers of the network's embedding

/**
 * What calibration works on, per frame: the network's 8 numbers, where the uncalibrated look meets the camera's plane
 * over the eyes' distance (2), and that distance in mm.
 */
export const EMBEDDING = CODE + 3;

/** Lid height over eye width, mean of both eyes (`canonical.openness`). */
export function openness({ points }: Face): number {
  const apart = (i: number, j: number) => Math.hypot(points[3 * i] - points[3 * j], points[3 * i + 1] - points[3 * j + 1]);
  return (apart(159, 145) / apart(33, 133) + apart(386, 374) / apart(263, 362)) / 2;
}

/** The face as the encoder sees it: (38 x 3) mm in the camera frame; and the middle of the eyes. */
export function cloud(face: Face, pose: HeadPose, camera: Camera, into: Float32Array, at: number): [number, number, number] {
  const [tx, ty, tz] = pose.translation, r = pose.rotation;
  const eyes: [number, number, number] = [0, 0, 0];
  NODES.forEach((index, i) => {
    const z = tz * (1 + face.points[3 * index + 2] / camera.fx);
    const x = ((face.points[3 * index] - camera.cx) / camera.fx) * z;
    const y = ((face.points[3 * index + 1] - camera.cy) / camera.fy) * z;
    into.set([x, y, z], at + 3 * i);
    if (CORNERS.includes(i)) {
      eyes[0] += x / 4;
      eyes[1] += y / 4;
      eyes[2] += z / 4;
    }
  });
  const frame = at + 3 * NODES.length;
  into.set([tx, ty, tz], frame);
  for (let k = 0; k < 3; k++)
    into.set([tx + AXIS * r[k], ty + AXIS * r[3 + k], tz + AXIS * r[6 + k]], frame + 3 * (k + 1));
  return eyes;
}

export class GazeEncoder {
  constructor(private readonly model: Model) {}

  /** The embedding of each face, null where its eyes are shut, it has no pose, or it looks away from the screen. */
  async encode(faces: readonly Face[], poses: readonly HeadPose[], width: number, height: number): Promise<(Float32Array | null)[]> {
    const camera = cameraForImage(width, height);
    const able = faces.map((_, i) => i).filter((i) => readable(faces[i], poses[i]));
    const out: (Float32Array | null)[] = faces.map(() => null);
    if (!able.length) return out;
    const input = new Float32Array(able.length * CLOUD * 3);
    const eyes = able.map((i, k) => cloud(faces[i], poses[i], camera, input, k * CLOUD * 3));
    const found = await this.model.run("points", input, [able.length, CLOUD, 3]);
    const code = found["embedding"].data, way = found["direction"].data;
    able.forEach((i, k) => {
      const base = meetPlane(eyes[k], [way[3 * k], way[3 * k + 1], way[3 * k + 2]]);
      if (!base) return;
      const embedding = new Float32Array(EMBEDDING);
      embedding.set(code.subarray(CODE * k, CODE * (k + 1)));
      embedding.set([base[0] / eyes[k][2], base[1] / eyes[k][2], eyes[k][2]], CODE);
      out[i] = embedding;
    });
    return out;
  }
}

function readable(face: Face, pose: HeadPose): boolean {
  return openness(face) >= SHUT && Number.isFinite(pose.yaw) && pose.translation[2] > 0;
}
