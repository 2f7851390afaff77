/** A picture with what was found in it: points by visibility, head axes. */
import type { FaceReading } from "../engine/types.ts";

export interface Drawing {
  points: boolean;
  axes: boolean;
  mirrored: boolean;
}

export const SEEN: [number, number, number] = [122, 238, 214];
export const HIDDEN: [number, number, number] = [255, 150, 64];
const AXES = ["#ff5a5a", "#5fe07f", "#5b9cff"]; // the head's x, y, and out of the face
const NASION = 168; // of the 478: between the eyes

/** Where the picture lies on a canvas that shows all of it. */
export function placed(width: number, height: number, pictureWidth: number, pictureHeight: number): { x: number; y: number; scale: number } {
  const scale = Math.min(width / pictureWidth, height / pictureHeight);
  return { x: (width - pictureWidth * scale) / 2, y: (height - pictureHeight * scale) / 2, scale };
}

/** Draw the picture and the faces found in it; the pen is in CSS pixels. */
export function drawPicture(
  pen: CanvasRenderingContext2D, width: number, height: number, picture: ImageBitmap, faces: readonly FaceReading[],
  main: FaceReading | null, drawing: Drawing,
): void { // prettier-ignore
  const { x, y, scale } = placed(width, height, picture.width, picture.height);
  pen.clearRect(0, 0, width, height);
  pen.save();
  if (drawing.mirrored) {
    pen.translate(width, 0);
    pen.scale(-1, 1);
  }
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, x, y, picture.width * scale, picture.height * scale);
  pen.translate(x + scale / 2, y + scale / 2); // pixel centres are at integers
  for (const face of faces) {
    pen.globalAlpha = face === main ? 1 : 0.55;
    if (drawing.points) drawPoints(pen, face, scale);
    if (drawing.axes) drawAxes(pen, face, scale);
  }
  pen.restore();
}

function drawPoints(pen: CanvasRenderingContext2D, face: FaceReading, scale: number): void {
  const [x0, , x1] = face.box;
  const radius = Math.min(2.6, Math.max(1, ((x1 - x0) * scale) / 135));
  for (let i = 0; i < face.visibility.length; i++) {
    const seen = face.visibility[i];
    pen.beginPath();
    pen.arc(face.points[3 * i] * scale, face.points[3 * i + 1] * scale, radius * (seen < 0.5 ? 1.25 : 1), 0, 2 * Math.PI);
    if (seen < 0.5) {
      pen.strokeStyle = ink(seen);
      pen.lineWidth = Math.max(0.7, radius * 0.7);
      pen.stroke(); // a ring, so that colour is not all that tells
    } else {
      pen.fillStyle = ink(seen);
      pen.fill();
    }
  }
}

const INKS = Array.from({ length: 33 }, (_, i) => {
  const mixed = SEEN.map((value, k) => Math.round(HIDDEN[k] + (value - HIDDEN[k]) * (i / 32)));
  return `rgb(${mixed.join(" ")} / 0.9)`;
});

function ink(visibility: number): string {
  return INKS[Math.round(Math.min(Math.max(visibility, 0), 1) * 32)];
}

/** Columns of R = Rx(-pitch) Ry(yaw) Rz(roll), the third turned out of the face: x and y of each on the picture. */
export function axisEnds(yaw: number, pitch: number, roll: number): { x: number; y: number; depth: number }[] {
  const [cy, sy] = [Math.cos(radians(yaw)), Math.sin(radians(yaw))];
  const [cp, sp] = [Math.cos(radians(pitch)), Math.sin(radians(pitch))];
  const [cr, sr] = [Math.cos(radians(roll)), Math.sin(radians(roll))];
  return [
    { x: cy * cr, y: cp * sr - sp * sy * cr, depth: -sp * sr - cp * sy * cr },
    { x: -cy * sr, y: cp * cr + sp * sy * sr, depth: -sp * cr + cp * sy * sr },
    { x: -sy, y: -sp * cy, depth: -cp * cy },
  ];
}

function drawAxes(pen: CanvasRenderingContext2D, face: FaceReading, scale: number): void {
  const { yaw, pitch, roll } = face.pose;
  if (!Number.isFinite(yaw + pitch + roll)) return;
  const length = (face.box[2] - face.box[0]) * 0.42 * scale;
  const [x, y] = [face.points[3 * NASION] * scale, face.points[3 * NASION + 1] * scale];
  const ends = axisEnds(yaw, pitch, roll).map((end, i) => ({ ...end, colour: AXES[i] }));
  pen.lineCap = "round";
  for (const end of ends.sort((a, b) => b.depth - a.depth)) {
    for (const [width, style] of [[4.5, "rgb(8 12 14 / 0.45)"], [2.4, end.colour]] as const) {
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x + length * end.x, y + length * end.y);
      pen.lineWidth = width;
      pen.strokeStyle = style;
      pen.stroke();
    }
  }
  pen.beginPath();
  pen.arc(x, y, 3, 0, 2 * Math.PI);
  pen.fillStyle = "#fff";
  pen.fill();
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
