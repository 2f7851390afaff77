/**
 * Identities through a video: `nasion.track.tracker`. Detect now and then, follow by the points in between.
 *
 * Lost faces coast at their last velocity for a while and wait for a detection; followed faces have the first pick of
 * the detections, lost ones the second (a cascade as in Zhang et al., "ByteTrack", ECCV 2022).
 */

import { matchFaces, withoutDuplicates } from "./association.ts";
import { area, centre, iou, isCoarse, type Face } from "./face.ts";
import { SHORTEST_STEP } from "./oneEuro.ts";

export const REACH = 1.0; // face sizes that a face may stand from where it was expected
export const REACH_GROWTH = 1.0; // face sizes per second lost that the reach grows
export const COASTING_S = 1.0; // time constant with which a lost face is believed to slow down
export const VELOCITY_WEIGHT = 0.5; // share of the newest displacement in the velocity
export const TRUSTED_IOU = 0.5; // below it a detection corrects the place a face was followed to
export const DETECT_EVERY = 10; // frames from one scheduled detection to the next
export const MAX_GAP_S = 1.5; // seconds a face may be lost and still keep its id
export const KEEP = 0.5; // presence below which a followed face counts as lost
export const START = 1 - 0.4 * (1 - KEEP); // presence from which a new face is believed (analyzer.BEGIN_A_TRACK)

interface Track {
  id: number;
  face: Face;
  seconds: number;
  lost: boolean;
  velocity: [number, number]; // px per second
}

export class Tracker {
  private tracks: Track[] = [];
  private nextId = 0;
  private number = 0; // of the next frame

  /** Whether the next frame wants a detection: it is scheduled, nobody is followed, or somebody is lost. */
  due(): boolean {
    return this.number % DETECT_EVERY === 0 || !this.tracks.length || this.tracks.some((track) => track.lost);
  }

  /** Where faces may be now; `detections` is null when the detector did not run. Changes nothing. */
  candidates(seconds: number, detections: readonly Face[] | null): Face[] {
    const followed = this.tracks.filter((track) => !track.lost);
    if (!detections) return followed.map((track) => expected(track, seconds));
    const waiting = this.tracks.filter((track) => track.lost);
    const found: Face[] = [];
    let rest = [...detections];
    for (const tracks of [followed, waiting]) {
      const places = tracks.map((track) => expected(track, seconds));
      const reach = tracks.map((track) => REACH + REACH_GROWTH * (seconds - track.seconds));
      const pairs = new Map(matchFaces(places, rest, reach));
      tracks.forEach((track, i) => {
        const j = pairs.get(i);
        if (j !== undefined) {
          const trusted = !track.lost && iou(places[i].box, rest[j].box) >= TRUSTED_IOU;
          found.push(trusted ? places[i] : { ...rest[j], id: track.id });
        } else if (!track.lost) found.push(places[i]);
      });
      const taken = new Set(pairs.values());
      rest = rest.filter((_, j) => !taken.has(j));
    }
    return [...found, ...rest.map((face) => ({ ...face, id: -1 }))];
  }

  /** Decides who is who, and goes on to the next frame. `score` of the faces is their presence. */
  update(seconds: number, placed: readonly Face[]): Face[] {
    this.number += 1;
    const known = new Map(this.tracks.map((track) => [track.id, track]));
    const believed = placed.filter((face) => face.score >= (face.id < 0 ? START : KEEP));
    // of candidates that ended on one face, the one that had the shortest way there; known ids before new ones
    const claim = (face: Face): [number, number] =>
      face.id < 0 ? [Infinity, -face.score] : [surprise(known.get(face.id) as Track, face, seconds), face.id];
    const claims = new Map(believed.map((face) => [face, claim(face)]));
    const ordered = [...believed].sort((a, b) => {
      const [x, y] = [claims.get(a) as [number, number], claims.get(b) as [number, number]];
      return x[0] === y[0] ? x[1] - y[1] : x[0] - y[0];
    });
    const seen = new Map<number, Face>();
    for (const face of withoutDuplicates(ordered)) {
      let id = face.id;
      if (id < 0) {
        id = this.nextId++;
        known.set(id, { id, face, seconds, lost: false, velocity: [0, 0] });
      }
      seen.set(id, { ...face, id });
    }
    const given: Face[] = [];
    for (const track of known.values()) {
      const face = seen.get(track.id);
      track.lost = face === undefined;
      if (!face) continue;
      observe(track, face, seconds);
      given.push(face);
    }
    this.tracks = [...known.values()].filter((track) => seconds - track.seconds <= MAX_GAP_S);
    return given;
  }
}

function shift(track: Track, seconds: number): [number, number] {
  const share = COASTING_S * (1 - Math.exp(-(seconds - track.seconds) / COASTING_S));
  return [track.velocity[0] * share, track.velocity[1] * share];
}

/** The face where it should be now: moved on at its velocity, which fades when it is lost. */
function expected(track: Track, seconds: number): Face {
  const [x, y] = shift(track, seconds);
  const { face } = track;
  const step = isCoarse(face) ? 2 : 3;
  const points = face.points.slice();
  for (let i = 0; i < points.length; i += step) {
    points[i] += x;
    points[i + 1] += y;
  }
  const [x0, y0, x1, y1] = face.box;
  return { ...face, points, box: [x0 + x, y0 + y, x1 + x, y1 + y] };
}

/** How far `face` is from where this track was expected, in face sizes. */
function surprise(track: Track, face: Face, seconds: number): number {
  const [x, y] = shift(track, seconds), [ax, ay] = centre(face.box), [bx, by] = centre(track.face.box);
  return Math.hypot(ax - bx - x, ay - by - y) / Math.max(Math.sqrt(area(track.face.box)), 1e-6);
}

function observe(track: Track, face: Face, seconds: number): void {
  const step = seconds - track.seconds;
  if (step > 0) {
    const [ax, ay] = centre(face.box), [bx, by] = centre(track.face.box), time = Math.max(step, SHORTEST_STEP);
    track.velocity[0] += VELOCITY_WEIGHT * ((ax - bx) / time - track.velocity[0]);
    track.velocity[1] += VELOCITY_WEIGHT * ((ay - by) / time - track.velocity[1]);
  }
  track.face = face;
  track.seconds = seconds;
}
