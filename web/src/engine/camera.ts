/** The pinhole camera to assume for a picture of unknown origin: `nasion.core.camera`. */

export const DEFAULT_FIELD_OF_VIEW = 60.0; // degrees over the longer side: the middle of the range of webcams and phones

export interface Camera {
  fx: number;
  fy: number;
  cx: number;
  cy: number;
}

export function cameraForImage(width: number, height: number): Camera {
  const focal = Math.max(width, height) / 2 / Math.tan((DEFAULT_FIELD_OF_VIEW / 2) * (Math.PI / 180));
  return { fx: focal, fy: focal, cx: (width - 1) / 2, cy: (height - 1) / 2 };
}
