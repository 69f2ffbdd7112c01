/**
 * Films with known transitions, made by ffmpeg, to measure the scene detector with. `synthetic`: test pictures, automata, gradients, slides,
 * look-alikes, dark noise, flashes. `film-like`: textures like those of photographs under a shaking, panning or zooming camera, with
 * things that move, changing light and grain, at a low bit rate. Neither is real footage.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const rate = 25;

export interface KnownTransition {
  readonly kind: 'cut' | 'fade' | 'dissolve';
  /** Frames; a cut starts and ends with the first frame of the new shot. */
  readonly start: number;
  readonly end: number;
}

export interface SceneFilm {
  readonly file: string;
  readonly transitions: readonly KnownTransition[];
  readonly seconds: number;
  /** Where its pictures come from, in order. */
  readonly sources: readonly string[];
}

interface Clip {
  readonly source: string;
  readonly frames: number;
  /** How it begins: by a cut, a fade of so many frames out and in, or a dissolve of so many frames. */
  readonly entry: 'cut' | { readonly fade: number; readonly colour: string } | { readonly dissolve: number };
}

/** Deterministic numbers 0 … 1 (mulberry32). */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Draw = { readonly random: () => number; readonly size: string; between(low: number, high: number): number };

const [width, height] = [320, 180];

/** Slides: white sheets that differ in a few lines, as text does at this size. */
function slide({ between }: Draw): string {
  const lines = Array.from({ length: between(2, 5) }, (_, i) => {
    const [x, w] = [24 + between(0, 2) * 12, between(60, 230)];
    return `drawbox=x=${x}:y=${52 + i * 22}:w=${w}:h=7:c=0x303030:t=fill`;
  });
  return `color=white:s=${width}x${height}:r=${rate},drawbox=x=0:y=0:w=${width}:h=30:c=0x203060:t=fill,${lines.join(',')}`;
}

const synthetic: readonly ((draw: Draw) => string)[] = [
  ({ size }) => `testsrc2=${size}`,
  ({ size, between }) => `testsrc2=${size},hue=h=${between(60, 300)}`,
  ({ size, between }) => `mandelbrot=${size}:start_scale=${between(1, 9) / 10}:end_scale=0.01`,
  ({ size, between }) =>
    `life=${size}:mold=20:ratio=0.2:seed=${between(1, 999)}:death_color=#C83232:life_color=#00ff00`,
  ({ size, between }) => `gradients=${size}:nb_colors=3:x0=0:y0=0:x1=300:y1=160:seed=${between(1, 9999)}:speed=0.02`,
  ({ size, between }) => `color=c=0x181c20:${size},noise=alls=18:allf=t:all_seed=${between(1, 999)}`,
  ({ size, between }) => `cellauto=${size}:rule=110:seed=${between(1, 999)}`,
  ({ size }) => `smptebars=${size},noise=alls=12:allf=t`,
  ({ size, between }) => `color=c=0x204080:${size},drawbox=x='20+t*${between(20, 60)}':y=60:w=60:h=60:c=white:t=fill`,
  // Two takes of the same head and shoulders.
  ({ size, between }) =>
    `color=c=0x8090a0:${size},drawbox=x='${between(100, 180)}+6*sin(t*3)':y=50:w=50:h=60:c=0xc09070:t=fill,drawbox=x='${between(80, 160)}':y=115:w=110:h=65:c=0x303848:t=fill,noise=alls=6:allf=t`,
  // A flash or two within the shot.
  ({ size, between }) =>
    `mandelbrot=${size}:start_scale=0.3,drawbox=c=white:t=fill:enable='eq(n,${between(18, 24)})+between(n,36,38)'`,
  slide,
];

/** The camera moves on a picture that much larger than the film, so that it moves by parts of the film's pixels. */
const wide = 3;

/** Clouds of light and dark in three sizes, tinted, as photographs have them. */
function texture({ between }: Draw): string {
  const [w, h] = [width * wide * 1.25, height * wide * 1.25];
  const cloud = (cw: number, ch: number, name: string) =>
    `color=c=0x${between(40, 200).toString(16)}${between(40, 200).toString(16)}${between(40, 200).toString(16)}:s=${cw}x${ch}:r=${rate}:d=0.04,format=rgb24,noise=alls=${between(60, 100)}:all_seed=${between(1, 99999)},scale=${w}:${h}:flags=bicubic[${name}]`;
  const names = ['a', 'b', 'c'];
  const layers = [cloud(6, 4, 'a'), cloud(24, 14, 'b'), cloud(120, 68, 'c')];
  return `${layers.join(';')};[${names[0]}][b]blend=all_mode=average[ab];[ab][c]blend=all_mode=average:all_opacity=0.6,eq=contrast=${between(12, 22) / 10}:brightness=${between(-15, 10) / 100}:saturation=${between(4, 16) / 10},loop=loop=-1:size=1,setpts=N/${rate}/TB`;
}

/** Camera: hand-held, panning or zooming; on it something that walks by, changing light, grain. */
function filmLike(draw: Draw): string {
  const { between, random } = draw;
  const shake = `8*sin(n/${between(5, 11)})+4*sin(n/${between(2, 4)}+1)`;
  const pan = random() < 0.4 ? `+n*${between(-8, 8) / 8}` : '';
  const crop = `crop=${width * wide}:${height * wide}:x='${between(100, 140)}+${shake}${pan}':y='60+${shake.replace('sin', 'cos')}',scale=${width}:${height}:flags=area`;
  const zoom = `zoompan=z='1.05+${between(5, 25) / 10000}*on':x='iw/2-(iw/zoom/2)':y='ih/2-(ih/zoom/2)':d=1:s=${width}x${height}:fps=${rate}`;
  const camera = random() < 0.3 ? zoom : crop;
  const skin = `0x${between(90, 220).toString(16)}${between(60, 160).toString(16)}${between(40, 140).toString(16)}`;
  const walker = `drawbox=x='mod(${between(0, 300)}+t*${between(-60, 60)}+800,400)-60':y=${between(40, 90)}:w=${between(25, 70)}:h=130:c=${skin}:t=fill`;
  const walkers = random() < 0.6 ? `,${walker}` : '';
  const light = random() < 0.4 ? `,eq=brightness='0.04*sin(t*${between(1, 8)})':eval=frame` : '';
  const grain = `,noise=alls=${between(4, 14)}:allf=t`;
  return `${texture(draw)},${camera}${walkers}${light}${grain}`;
}

export interface FilmWish {
  readonly folder: string;
  readonly kind: 'synthetic' | 'film-like';
  readonly seed: number;
  readonly shots: number;
}

/** The same wish gives the same film. */
export async function makeSceneFilm({ folder, kind, seed, shots }: FilmWish): Promise<SceneFilm> {
  const random = numbersFrom(seed);
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  const draw: Draw = { random, between, size: `s=${width}x${height}:r=${rate}` };
  let latest = -1;
  const clips = Array.from({ length: shots }, (_, i): Clip => {
    let pick = between(0, synthetic.length - 1);
    // A slide may follow a slide; other sources do not follow themselves.
    if (pick === latest && pick !== synthetic.length - 1) pick = (pick + 1) % synthetic.length;
    latest = pick;
    const source = kind === 'film-like' ? filmLike(draw) : (synthetic[pick]?.(draw) ?? '');
    const dice = random();
    const entry =
      i === 0 || dice < 0.64
        ? 'cut'
        : dice < 0.82
          ? { dissolve: between(10, 40) }
          : { fade: between(8, 25), colour: random() < 0.75 ? 'black' : 'white' };
    return { source, frames: between(45, 130), entry };
  });
  const room = clips.map((clip, i) => ({
    ...clip,
    frames: clip.frames + lengthOf(clip.entry) + lengthOf(clips[i + 1]?.entry),
  }));
  return joinClips(path.join(folder, `${kind}-${seed}.mp4`), room, kind === 'film-like' ? '30' : '24');
}

/** Frames that a transition takes from the clip on either side: it is seen for itself long enough all the same. */
function lengthOf(entry: Clip['entry'] = 'cut'): number {
  if (entry === 'cut') return 0;
  return 'dissolve' in entry ? entry.dissolve : entry.fade;
}

/** Mixed here frame by frame, so that the places are known exactly. */
async function joinClips(file: string, clips: readonly Clip[], crf: string): Promise<SceneFilm> {
  const transitions: KnownTransition[] = [];
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', `${width}x${height}`, '-r', String(rate)];
  const encoder = start([
    ...raw,
    '-i',
    'pipe:0',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-crf',
    crf,
    '-g',
    '125',
    '-threads',
    '2',
    file,
  ]);
  let length = 0;
  const write = async (frame: Uint8Array) => {
    length += 1;
    if (!encoder.stdin.write(frame)) await once(encoder.stdin, 'drain');
  };
  let tail: Uint8Array[] = [];
  for (const [i, clip] of clips.entries()) {
    const frames = await framesOf(clip);
    const { entry } = clip;
    const next = clips[i + 1]?.entry;
    if (typeof entry === 'object' && 'dissolve' in entry) {
      transitions.push({ kind: 'dissolve', start: length, end: length + entry.dissolve });
      for (const [n, frame] of tail.entries())
        await write(mixed(frame, frames[n] ?? frame, (n + 1) / (entry.dissolve + 1)));
      frames.splice(0, entry.dissolve);
    } else if (typeof entry === 'object') {
      transitions.push({ kind: 'fade', start: length - entry.fade, end: length + entry.fade });
      fadeIn(frames, entry);
    } else if (i > 0) transitions.push({ kind: 'cut', start: length, end: length });
    if (typeof next === 'object' && 'fade' in next) {
      fadeIn(frames.reverse(), next);
      frames.reverse();
    }
    tail = typeof next === 'object' && 'dissolve' in next ? frames.splice(frames.length - next.dissolve) : [];
    for (const frame of frames) await write(frame);
  }
  encoder.stdin.end();
  const [code] = (await once(encoder, 'close')) as [number];
  if (code !== 0) throw new Error(`the film could not be encoded: ${file}`);
  return { file, transitions, seconds: length / rate, sources: clips.map(({ source }) => source) };
}

function start(args: readonly string[]) {
  return spawn('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function framesOf({ source, frames }: Clip): Promise<Uint8Array[]> {
  const graph = `${source},format=yuv420p,setsar=1[out]`;
  const child = start([
    '-filter_complex',
    graph,
    '-map',
    '[out]',
    '-frames:v',
    String(frames),
    '-f',
    'rawvideo',
    'pipe:1',
  ]);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const size = (width * height * 3) / 2;
  if (bytes.length !== size * frames)
    throw new Error(`a clip has ${bytes.length / size} frames instead of ${frames}: ${source}`);
  return Array.from({ length: frames }, (_, i) => Uint8Array.from(bytes.subarray(i * size, (i + 1) * size)));
}

function mixed(a: Uint8Array, b: Uint8Array, share: number): Uint8Array {
  return a.map((value, i) => Math.round(value * (1 - share) + (b[i] ?? 0) * share));
}

/** The first frames come out of the plain colour. */
function fadeIn(frames: Uint8Array[], { fade, colour }: { fade: number; colour: string }): void {
  const luma = width * height;
  const plain = new Uint8Array((luma * 3) / 2).fill(128).fill(colour === 'black' ? 16 : 235, 0, luma);
  for (let n = 0; n < fade; n += 1) frames[n] = mixed(plain, frames[n] ?? plain, n / fade);
}

export interface Tally {
  readonly hits: number;
  readonly known: number;
  readonly found: number;
}

export interface SceneScore {
  /** Hard cuts, to one frame. */
  readonly cuts: Tally;
  /** Fades and dissolves, by overlap in time. */
  readonly gradual: Tally;
  /** Every change of shot by whatever transition: cuts to one frame, gradual ones by overlap. */
  readonly all: Tally;
  /** Gradual ones that were found and given the right kind. */
  readonly rightKind: number;
  readonly missed: readonly KnownTransition[];
  readonly invented: readonly FoundTransition[];
}

export interface FoundTransition {
  readonly kind: 'cut' | 'fade' | 'dissolve';
  /** Seconds. */
  readonly start: number;
  readonly end: number;
}

/** A transition is found when one of its sort is there: within a frame for cuts, overlapping for gradual ones. Each counts once. */
export function scoreTransitions(known: readonly KnownTransition[], found: readonly FoundTransition[]): SceneScore {
  const left = new Set(found);
  const missed: KnownTransition[] = [];
  const hits = { cut: 0, gradual: 0, rightKind: 0 };
  for (const truth of known) {
    const [from, to] = [truth.start / rate, truth.end / rate];
    const slack = truth.kind === 'cut' ? 1.01 / rate : 0;
    const match = [...left].find(
      (one) => (one.kind === 'cut') === (truth.kind === 'cut') && one.start <= to + slack && one.end >= from - slack,
    );
    if (!match) {
      missed.push(truth);
      continue;
    }
    left.delete(match);
    hits[truth.kind === 'cut' ? 'cut' : 'gradual'] += 1;
    if (match.kind === truth.kind && truth.kind !== 'cut') hits.rightKind += 1;
  }
  const count = (list: readonly { kind: string }[], cut: boolean) =>
    list.filter(({ kind }) => (kind === 'cut') === cut).length;
  const cuts = { hits: hits.cut, known: count(known, true), found: count(found, true) };
  const gradual = { hits: hits.gradual, known: count(known, false), found: count(found, false) };
  const all = { hits: hits.cut + hits.gradual, known: known.length, found: found.length };
  return { cuts, gradual, all, rightKind: hits.rightKind, missed, invented: [...left] };
}

export function sumOf(tallies: readonly Tally[]): Tally {
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  return { hits: sum((t) => t.hits), known: sum((t) => t.known), found: sum((t) => t.found) };
}

export function measures({ hits, known, found }: Tally): { precision: number; recall: number; f1: number } {
  return {
    precision: found === 0 ? 1 : hits / found,
    recall: known === 0 ? 1 : hits / known,
    f1: known + found === 0 ? 1 : (2 * hits) / (known + found),
  };
}
