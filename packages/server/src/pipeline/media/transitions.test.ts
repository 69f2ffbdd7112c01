import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type FoundTransition,
  makeSceneFilm,
  measures,
  numbersFrom,
  scoreTransitions,
} from '../../../test/scene-films.ts';
import { readyTools } from '../../../test/step-bench.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { scanParams } from '../steps/scan-video.ts';
import { CutDetector } from './cut-detector.ts';
import { FrameMeasurer, frameBytes, frameWidth, rowLength } from './frame-metrics.ts';
import { probeFile } from './probe.ts';
import { scanFile } from './scan.ts';
import { rowFrame } from './shot-builder.ts';
import { type Entered, TransitionDetector } from './transitions.ts';

type Picture = Uint8Array;

/** Blotches of 32 × 36 pixels in colours of their own; `shift` moves them. */
function blotches(seed: number, shift = 0): Picture {
  const random = numbersFrom(seed);
  const colours = Array.from({ length: 64 }, () => [random() * 255, random() * 255, random() * 255]);
  return Uint8Array.from({ length: frameBytes }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const [x, y] = [(pixel + shift) % frameWidth, Math.floor(pixel / frameWidth)];
    return colours[(Math.floor(x / 32) + Math.floor(y / 36) * 8) % 64]?.[i % 3] ?? 0;
  });
}

const plain = (level: number): Picture => new Uint8Array(frameBytes).fill(level);
const stay = (picture: Picture, count: number): Picture[] => Array.from({ length: count }, () => picture);
const mix = (from: Picture, to: Picture, count: number): Picture[] =>
  Array.from({ length: count }, (_, n) =>
    from.map((value, i) => value + ((to[i] ?? 0) - value) * ((n + 1) / (count + 1))),
  );

/** What the detectors find in pictures at 25 per second, in frames. */
function transitionsIn(pictures: readonly Picture[]): { kind: string; start: number; end: number; at: number }[] {
  const measurer = new FrameMeasurer();
  const [cuts, transitions] = [
    new CutDetector<ReturnType<typeof rowFrame>>(scanParams),
    new TransitionDetector<ReturnType<typeof rowFrame>>(scanParams),
  ];
  const frames = pictures.map((picture, i) => {
    const row = new Float32Array(rowLength);
    measurer.measure(picture, row);
    return rowFrame(i / 25, row);
  });
  const settled = [...frames.flatMap((frame) => cuts.push(frame)), ...cuts.end()];
  const entered: Entered<unknown>[] = [...settled.flatMap((each) => transitions.push(each)), ...transitions.end()];
  expect(entered.map(({ frame }) => frame)).toEqual(frames);
  const frameOf = (seconds: number) => Math.round(seconds * 25);
  return entered.flatMap(({ transition }, at) =>
    transition ? [{ kind: transition.kind, start: frameOf(transition.start), end: frameOf(transition.end), at }] : [],
  );
}

const [a, b, black, white] = [blotches(1), blotches(2), plain(0), plain(255)];
const near = (frame: number) => expect.toSatisfy((value: number) => Math.abs(value - frame) <= 6);

describe('TransitionDetector', () => {
  it('finds a dissolve from its start to its end; the new shot begins in its middle', () => {
    expect(transitionsIn([...stay(a, 60), ...mix(a, b, 24), ...stay(b, 60)])).toEqual([
      { kind: 'dissolve', start: near(60), end: near(84), at: near(72) },
    ]);
  });

  it.each([
    ['black', black],
    ['white', white],
  ])('finds a fade through %s as one, also when the plain picture stands for a moment', (_, colour) => {
    const film = (held: number) => [
      ...stay(a, 60),
      ...mix(a, colour, 20),
      ...stay(colour, held),
      ...mix(colour, b, 20),
      ...stay(b, 60),
    ];
    expect(transitionsIn(film(0))).toEqual([{ kind: 'fade', start: near(60), end: near(100), at: near(80) }]);
    expect(transitionsIn(film(15))).toEqual([{ kind: 'fade', start: near(60), end: near(115), at: near(87) }]);
  });

  it('takes black that stands long for a shot between two fades', () => {
    const film = [...stay(a, 60), ...mix(a, black, 20), ...stay(black, 60), ...mix(black, b, 20), ...stay(b, 60)];
    expect(transitionsIn(film)).toEqual([
      { kind: 'fade', start: near(60), end: near(80), at: near(80) },
      { kind: 'fade', start: near(140), end: near(160), at: near(140) },
    ]);
  });

  it('lets a hard cut stand for either half of a fade', () => {
    expect(transitionsIn([...stay(a, 60), ...mix(a, black, 20), ...stay(black, 10), ...stay(b, 60)])).toEqual([
      { kind: 'fade', start: near(60), end: 90, at: 90 },
    ]);
    expect(transitionsIn([...stay(a, 60), ...stay(black, 16), ...mix(black, b, 20), ...stay(b, 60)])).toEqual([
      { kind: 'fade', start: 60, end: near(96), at: 60 },
    ]);
  });

  // Longer than `plainSecondsMax` it would be a shot.
  it('leads nowhere from the first black and to the last', () => {
    expect(
      transitionsIn([
        ...stay(black, 20),
        ...mix(black, a, 20),
        ...stay(a, 60),
        ...mix(a, black, 20),
        ...stay(black, 20),
      ]),
    ).toEqual([]);
  });

  it('takes neither light that changes nor a picture that moves for a transition', () => {
    const dim = a.map((value) => value * 0.4);
    expect(transitionsIn([...stay(a, 60), ...mix(a, dim, 30), ...stay(dim, 60)])).toEqual([]);
    const pan = Array.from({ length: 120 }, (_, i) => blotches(3, i * 2));
    expect(transitionsIn([...stay(blotches(3), 30), ...pan])).toEqual([]);
  });

  it('keeps cuts beside gradual transitions apart from them', () => {
    const film = [...stay(a, 40), ...stay(b, 40), ...mix(b, a, 20), ...stay(a, 40), ...stay(b, 40)];
    expect(transitionsIn(film).map(({ kind, at }) => ({ kind, at }))).toEqual([
      { kind: 'cut', at: 40 },
      { kind: 'dissolve', at: near(90) },
      { kind: 'cut', at: 140 },
    ]);
  });
});

describe('slides and screens', () => {
  const page = (lines: number): Picture => {
    const picture = plain(250);
    for (let y = 40; y < 40 + lines * 12; y += 1)
      if (y % 12 < 4) picture.fill(60, (y * frameWidth + 30) * 3, (y * frameWidth + 130) * 3);
    return picture;
  };
  const film = [...stay(page(2), 60), ...stay(page(4), 60), ...stay(page(5), 60)];

  it('finds small changes of a picture that stood still', () => {
    expect(transitionsIn(film).map(({ at }) => at)).toEqual([60, 120]);
  });

  it('takes none of them in a film, nor small changes of a picture that moves', () => {
    const filmRules = { ...scanParams, profile: 'film' as const };
    const detector = new CutDetector<ReturnType<typeof rowFrame>>(filmRules);
    const measurer = new FrameMeasurer();
    const cuts = film.flatMap((picture, i) => {
      const row = new Float32Array(rowLength);
      measurer.measure(picture, row);
      return detector.push(rowFrame(i / 25, row)).filter(({ cut }) => cut);
    });
    expect(cuts).toEqual([]);
  });
});

describe('films with known transitions', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'holdfast-films-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['synthetic', 0.9],
    ['film-like', 0.9],
  ] as const)('%s: F1 of at least %d, with the right kinds', async (kind, least) => {
    const film = await makeSceneFilm({ folder, kind, seed: 77, shots: 12 });
    const [tools, { signal }] = [await readyTools(), new AbortController()];
    const media = await probeFile({ tools, file: film.file, signal, clock: systemClock });
    const request = { tools, file: film.file, media, rules: scanParams, signal, clock: systemClock, timeoutMs: 60_000 };
    const scan = await scanFile({ ...request, progress: () => {}, onPicture: () => {} });
    const found = scan.shots.flatMap(({ transition }): FoundTransition[] => (transition ? [transition] : []));
    const score = scoreTransitions(film.transitions, found);
    expect(measures(score.all).f1, JSON.stringify(score)).toBeGreaterThanOrEqual(least);
    expect(score.rightKind).toBeGreaterThanOrEqual(score.gradual.hits - 1);
  });
});
