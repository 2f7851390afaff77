/**
 * Pixels in, faces with readings out: `nasion.pipeline.analyzer` in video mode, frame after frame.
 *
 * The detector looks every tenth frame, when nobody is followed, and when somebody gets lost; on all other frames crops
 * are cut where the points of the frame before say.
 */

import { OpenBaseline } from "./baseline.ts";
import { BlinkStream } from "./blinks.ts";
import { FaceDetector } from "./detector.ts";
import { readLids } from "./eyeKit.ts";
import { boxAround, faceSize, isCoarse, type Face } from "./face.ts";
import { floatGraph } from "./floatGraph.ts";
import { GazeEncoder } from "./gazeEncoder.ts";
import { headPose } from "./headPose.ts";
import { Landmarker } from "./landmarker.ts";
import { download, Model, startRuntime } from "./model.ts";
import { OneEuroFilter } from "./oneEuro.ts";
import { KEEP, MAX_GAP_S, Tracker } from "./tracker.ts";
import type { CreateEngine, Engine, Eye, FaceReading, FrameReading, Picture } from "./types.ts";

const PASSES = 2; // crops of a newly detected face; a followed one is already well framed
const SEEN = 0.3; // reliability below which lids are left out (nasion.pipeline.clip)

/** What is kept of each identity. */
interface Person {
  filter: OneEuroFilter;
  open: [OpenBaseline, OpenBaseline];
  blinks: BlinkStream;
  seconds: number;
}

class StudioEngine implements Engine {
  private tracker = new Tracker();
  private people = new Map<number, Person>();
  private seconds = -Infinity;

  constructor(
    private readonly models: readonly Model[],
    private readonly detector: FaceDetector,
    private readonly landmarker: Landmarker,
    private readonly encoder: GazeEncoder,
    readonly providers: string[],
  ) {}

  async frame(picture: Picture, seconds: number): Promise<FrameReading> {
    const began = performance.now();
    seconds = this.seconds = Math.max(this.seconds, seconds); // clocks may step back; a tracker's may not
    let detect = 0;
    const look = async () => {
      const from = performance.now();
      const found = await this.detector.detect(picture);
      detect += performance.now() - from;
      return found;
    };
    let found = this.tracker.due() ? await look() : null;
    let placed = await this.place(picture, seconds, found);
    if (!found && placed.some((face) => face.score < KEEP)) {
      found = await look();
      placed = await this.place(picture, seconds, found);
    }
    const faces = this.tracker.update(seconds, placed);
    const followed = performance.now();
    const readings = await this.read(picture, faces, seconds);
    const ended = performance.now();
    const ms = { detect, landmarks: followed - began - detect, read: ended - followed, total: ended - began };
    return { faces: readings, width: picture.width, height: picture.height, seconds, ms };
  }

  reset(): void {
    this.tracker = new Tracker();
    this.people.clear();
    this.seconds = -Infinity;
  }

  async close(): Promise<void> {
    for (const model of this.models) await model.close();
  }

  /** Candidates with their points placed; a new face has to convince detector and landmarker both. */
  private async place(picture: Picture, seconds: number, found: Face[] | null): Promise<Face[]> {
    const faces = this.tracker.candidates(seconds, found);
    const out: Face[] = [...faces];
    for (const fresh of [true, false]) {
      const chosen = faces.map((_, i) => i).filter((i) => isCoarse(faces[i]) === fresh);
      const placements = await this.landmarker.place(picture, chosen.map((i) => faces[i]), fresh ? PASSES : 1);
      placements.forEach((place, k) => {
        const face = faces[chosen[k]];
        if (place) {
          const { points, visibility, sigma, presence } = place;
          const score = presence * (fresh ? face.score : 1);
          out[chosen[k]] = { id: face.id, box: boxAround(points), score, points, visibility, sigma };
        } else out[chosen[k]] = { ...face, score: 0 };
      });
    }
    return out;
  }

  /** The faces with their points passed through filters of their own. */
  private steadied(faces: Face[], seconds: number): Face[] {
    for (const [id, person] of this.people) if (seconds - person.seconds > MAX_GAP_S) this.people.delete(id);
    return faces.map((face) => {
      let person = this.people.get(face.id);
      if (!person) {
        person = { filter: new OneEuroFilter(), open: [new OpenBaseline(), new OpenBaseline()], blinks: new BlinkStream(), seconds };
        this.people.set(face.id, person);
      }
      person.seconds = seconds;
      return { ...face, points: person.filter.next(face.points, seconds, faceSize(face)) };
    });
  }

  /** What each face says. Lids are read from the points as placed: a filter would round blinks off. */
  private async read(picture: Picture, placed: Face[], seconds: number): Promise<FaceReading[]> {
    const { width, height } = picture, faces = this.steadied(placed, seconds);
    const poses = faces.map((face) => headPose(face, width, height));
    const gaze = await this.encoder.encode(faces, poses, width, height);
    return faces.map((face, i) => {
      const person = this.people.get(face.id) as Person, { yaw, pitch, roll, translation } = poses[i];
      const lids = readLids(picture, placed[i], yaw);
      const believed = Math.max(...lids.trust) >= SEEN;
      const [left, right] = ([0, 1] as const).map((side): Eye => {
        const angle = lids.angles[side], reliability = lids.trust[side];
        const openness = 1 - person.open[side].closure(seconds, reliability >= SEEN ? angle : NaN);
        return { openness, angle, reliability };
      });
      return {
        id: face.id,
        box: face.box,
        score: face.score,
        points: face.points,
        visibility: face.visibility,
        sigma: face.sigma,
        pose: { yaw, pitch, roll, distance: Math.hypot(...translation) },
        left,
        right,
        blinks: person.blinks.next(seconds, believed ? lids.opening : NaN),
        gaze: gaze[i],
      };
    });
  }
}

export const createEngine: CreateEngine = async (models, options) => {
  const runtime = startRuntime(options.wasmPaths, options.threads);
  const addresses = [models.detector, models.landmarker, models.gazeEncoder];
  const files = await Promise.all(addresses.map(download));
  const loaded: Model[] = [];
  for (const file of files) loaded.push(await Model.load(floatGraph(file))); // one after the other: each is all cores' work
  const [detector, landmarker, encoder] = loaded;
  return new StudioEngine(
    loaded, new FaceDetector(detector), new Landmarker(landmarker), new GazeEncoder(encoder), [runtime.name],
  );
};
