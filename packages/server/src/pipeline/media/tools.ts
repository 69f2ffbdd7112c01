/** Finds ffmpeg and ffprobe and asks them what they can do. Used when the server starts and by `doctor`. */
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../core/ports/clock.ts';
import { runFenced } from './fence.ts';
import { networkFence } from './network-fence.ts';

const askTimeoutMs = 15_000;
const answerBytesMax = 8 * 1024 * 1024;
/** Older ones lack what we need or have known holes (the npm builds of 2018 follow URLs in renamed playlists). */
const versionMin = [4, 4] as const;
const installHint = 'install it (Debian: apt install ffmpeg) or set its path';

export interface MediaFeatures {
  /** `-fps_mode` (5.1 and later); without it `-vsync` says the same. */
  readonly fpsMode: boolean;
  readonly scdet: boolean;
  readonly blackdetect: boolean;
  readonly freezedetect: boolean;
  readonly ebur128: boolean;
  readonly silencedetect: boolean;
  readonly mjpeg: boolean;
  readonly libopus: boolean;
  /** For web renditions. */
  readonly libx264: boolean;
  readonly aac: boolean;
  /** To choose a poster picture. */
  readonly signalstats: boolean;
  readonly entropy: boolean;
  /** For waveforms. */
  readonly astats: boolean;
  /** For contact sheets and storyboards. */
  readonly tile: boolean;
  /** To bring HDR down to what every screen shows. */
  readonly zscale: boolean;
  readonly tonemap: boolean;
}

export interface ReadyTools {
  readonly state: 'ready';
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** As the programs print it: `5.1.9-0+deb12u1`. */
  readonly version: string;
  readonly probeVersion: string;
  readonly features: MediaFeatures;
  /** Threads that one media program may use. */
  readonly threads: number;
  /** Cap on a program's address space; null where the machine has no `prlimit`. */
  readonly memory: { readonly prlimit: string; readonly bytesMax: number } | null;
  /** Command and options that start a program without a network; null where the kernel does not allow it. */
  readonly isolation: readonly string[] | null;
}

/** Media steps are skipped with the reason; uploads work without. */
export interface MissingTools {
  readonly state: 'missing';
  readonly reason: string;
}

export type MediaTools = ReadyTools | MissingTools;

export interface ToolOptions {
  /** From the configuration or FFMPEG_PATH / FFPROBE_PATH; searched on `searchPath` when null. */
  readonly ffmpegPath: string | null;
  readonly ffprobePath: string | null;
  /** The environment's PATH. */
  readonly searchPath: string;
  readonly threads: number;
  readonly memoryBytesMax: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Never rejects for a tool that is missing or broken: that is a state, with a reason for people. */
export async function findMediaTools(options: ToolOptions): Promise<MediaTools> {
  const ffmpeg = await locate('ffmpeg', options.ffmpegPath, options.searchPath);
  const ffprobe = await locate('ffprobe', options.ffprobePath, options.searchPath);
  if (ffmpeg === null) return missing(`ffmpeg was not found${given(options.ffmpegPath)}: ${installHint}`);
  if (ffprobe === null) return missing(`ffprobe was not found${given(options.ffprobePath)}: ${installHint}`);
  try {
    const version = versionIn(await ask(options, ffmpeg, ['-version']));
    const probeVersion = versionIn(await ask(options, ffprobe, ['-version']));
    if (version === null) return missing(`${ffmpeg} does not say which version of ffmpeg it is: ${installHint}`);
    if (probeVersion === null) return missing(`${ffprobe} does not say which version it is: ${installHint}`);
    if (tooOld(version)) {
      return missing(`${ffmpeg} is version ${version}; at least ${versionMin.join('.')} is needed: ${installHint}`);
    }
    const prlimit = await locate('prlimit', null, options.searchPath);
    const unshare = await locate('unshare', null, options.searchPath);
    return {
      state: 'ready',
      ffmpeg,
      ffprobe,
      version,
      probeVersion,
      features: await features(options, ffmpeg),
      threads: options.threads,
      memory: prlimit === null ? null : { prlimit, bytesMax: options.memoryBytesMax },
      isolation: unshare === null ? null : await networkFence({ unshare, program: ffprobe, ...options }),
    };
  } catch (error) {
    return missing(`ffmpeg cannot be used: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function missing(reason: string): MissingTools {
  return { state: 'missing', reason };
}

function given(configured: string | null): string {
  return configured === null ? ' on the PATH' : ` at ${configured}`;
}

async function locate(name: string, configured: string | null, searchPath: string): Promise<string | null> {
  const folders = searchPath.split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const candidates =
    configured === null ? folders.map((folder) => path.join(folder, name)) : [path.resolve(configured)];
  for (const candidate of candidates) {
    if (await executable(candidate)) return candidate;
  }
  return null;
}

async function executable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function ask(options: ToolOptions, command: string, args: readonly string[]): Promise<string> {
  const chunks: Buffer[] = [];
  const exit = await runFenced({
    command,
    args,
    signal: options.signal,
    clock: options.clock,
    timeoutMs: askTimeoutMs,
    outputs: [{ fd: 1, bytesMax: answerBytesMax, take: (chunk) => void chunks.push(chunk) }],
  });
  if (exit.code !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${exit.code ?? exit.signalName}: ${exit.stderrTail}`);
  return Buffer.concat(chunks).toString('utf8');
}

function versionIn(text: string): string | null {
  return /^ff(?:mpeg|probe) version (\S+)/.exec(text)?.[1] ?? null;
}

/** Builds from git (`N-66595-…`) carry no number; they are judged by their features alone. */
function tooOld(version: string): boolean {
  const numbers = /^n?(\d+)\.(\d+)/.exec(version);
  if (!numbers) return false;
  const [major, minor] = [Number(numbers[1]), Number(numbers[2])];
  return major < versionMin[0] || (major === versionMin[0] && minor < versionMin[1]);
}

async function features(options: ToolOptions, ffmpeg: string): Promise<MediaFeatures> {
  const filters = await ask(options, ffmpeg, ['-hide_banner', '-filters']);
  const encoders = await ask(options, ffmpeg, ['-hide_banner', '-encoders']);
  const help = await ask(options, ffmpeg, ['-hide_banner', '-h', 'long']);
  const lists = (text: string, name: string) => new RegExp(`^\\s*\\S+\\s+${name}\\s`, 'm').test(text);
  return {
    fpsMode: /^-fps_mode/m.test(help),
    scdet: lists(filters, 'scdet'),
    blackdetect: lists(filters, 'blackdetect'),
    freezedetect: lists(filters, 'freezedetect'),
    ebur128: lists(filters, 'ebur128'),
    silencedetect: lists(filters, 'silencedetect'),
    mjpeg: lists(encoders, 'mjpeg'),
    libopus: lists(encoders, 'libopus'),
    libx264: lists(encoders, 'libx264'),
    aac: lists(encoders, 'aac'),
    signalstats: lists(filters, 'signalstats'),
    entropy: lists(filters, 'entropy'),
    astats: lists(filters, 'astats'),
    tile: lists(filters, 'tile'),
    zscale: lists(filters, 'zscale'),
    tonemap: lists(filters, 'tonemap'),
  };
}
