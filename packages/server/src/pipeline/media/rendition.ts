/** Makes the file that browsers play, and looks whether it is whole before anybody gets it. The original is only read. */
import path from 'node:path';
import type { Clock } from '../../core/ports/clock.ts';
import { PermanentStepError } from '../context.ts';
import { rounded } from './analysis.ts';
import { guardedInput } from './input-guard.ts';
import { type AudioStream, claimedSeconds, type MediaInfo, type VideoStream } from './media-info.ts';
import { plainDiagnostics, probeFile } from './probe.ts';
import type { RenditionPlan } from './rendition-plan.ts';
import { mixNameless } from './sound-filters.ts';
import { quietly, runTool } from './tool-run.ts';
import type { ReadyTools } from './tools.ts';

export interface RenditionRules {
  /** The short side at most; 1080 is Full HD, upright or not. */
  readonly shortSideMax: number;
  /** x264's constant rate factor: lower is better and larger. */
  readonly crf: number;
  readonly preset: string;
  readonly audioKbps: number;
  readonly bytesMax: number;
  readonly decodeSecondsMax: number;
}

export interface RenditionRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  readonly sizeBytes: number;
  readonly media: MediaInfo;
  readonly plan: RenditionPlan & { readonly kind: 'needed' };
  readonly rules: RenditionRules;
  /** Folder in which the file is made. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
  progress(fraction: number): void;
}

export interface Rendition {
  readonly seconds: number;
  readonly width: number | null;
  readonly height: number | null;
  /** Lines that ffmpeg wrote about damage of the original. */
  readonly damageLines: number;
}

const progressBytesMax = 64 * 1024 * 1024;
const spareBytes = 64 * 1024 * 1024;
/** Peaks of what the encoder makes of 1080p. */
const encodedBytesPerSecondMax = 4 * 1024 * 1024;

/** @throws PermanentStepError when what comes out does not last as long as the original says */
export async function makeRendition(request: RenditionRequest): Promise<Rendition> {
  const { tools, file, media, plan, rules, signal, clock, timeoutMs } = request;
  const written = new WrittenTime((seconds) => {
    if (media.durationSeconds !== null) request.progress(Math.min(0.99, seconds / media.durationSeconds));
  });
  const exit = await runTool({
    tools,
    program: 'ffmpeg',
    args: renditionArguments(request),
    signal,
    clock,
    timeoutMs,
    cwd: request.folder,
    priority: 'lowest',
    fileBytesMax: Math.min(rules.bytesMax, bytesExpected(request)),
    outputs: [{ fd: 1, bytesMax: progressBytesMax, take: (chunk) => written.push(chunk) }],
  });
  const said = plainDiagnostics(exit.stderrTail, file);
  if (/No space left|Cannot allocate memory/.test(exit.stderrTail)) throw new Error(`ffmpeg could not finish: ${said}`);
  if (exit.code === null) throw new Error(`ffmpeg died by ${exit.signalName}: ${said}`);
  if (exit.code !== 0) throw new PermanentStepError(`It cannot be converted: ${said}`);
  const made = await probeFile({ tools, file: path.join(request.folder, plan.name), signal, clock });
  checkWhole(request, made, said);
  return {
    seconds: made.durationSeconds ?? written.seconds,
    width: made.video?.width ?? null,
    height: made.video?.height ?? null,
    damageLines: exit.stderrLines,
  };
}

function checkWhole({ media, plan }: RenditionRequest, made: MediaInfo, said: string): void {
  const missing = (plan.video && !made.video) || (plan.audio && !made.audio);
  if (missing) throw new PermanentStepError(`The conversion lost ${made.video ? 'the sound' : 'the picture'}: ${said}`);
  const [claims, got] = [claimedSeconds(media), made.durationSeconds];
  const [wanted] = claims;
  if (wanted === undefined || got === null) return;
  if (claims.every((claim) => Math.abs(claim - got) > Math.max(1, claim * 0.02))) {
    throw new PermanentStepError(
      `The original says that it lasts ${rounded(wanted, 1)} s, but what can be converted lasts ${rounded(got, 1)} s; nothing is published: ${said}`,
    );
  }
}

function bytesExpected({ media, plan, sizeBytes, rules }: RenditionRequest): number {
  const seconds = media.durationSeconds ?? rules.decodeSecondsMax;
  const encoded = plan.video === 'encode' ? seconds * encodedBytesPerSecondMax : seconds * 64 * 1024;
  return Math.ceil(spareBytes + encoded + (plan.video === 'copy' || plan.audio === 'copy' ? sizeBytes * 1.1 : 0));
}

export function renditionArguments({ tools, file, media, plan, rules }: RenditionRequest): string[] {
  const { video, audio } = media;
  const picture = video
    ? ['-map', `0:${video.index}`, ...(plan.video === 'copy' ? ['-c:v', 'copy'] : videoEncoder(tools, video, rules))]
    : [];
  const sound = audio
    ? ['-map', `0:${audio.index}`, ...(plan.audio === 'copy' ? ['-c:a', 'copy'] : audioEncoder(audio, rules))]
    : [];
  return [
    ...quietly(tools),
    ...['-progress', 'pipe:1', '-nostats', ...guardedInput(file), ...picture, ...sound],
    // Where it was taken and by whom stays with the original.
    ...['-map_metadata', '-1', '-map_chapters', '-1', '-sn', '-dn', '-t', String(rules.decodeSecondsMax)],
    ...['-movflags', '+faststart', '-f', 'mp4', plan.name],
  ];
}

function videoEncoder(tools: ReadyTools, video: VideoStream, rules: RenditionRules): string[] {
  const short = `min(1,${rules.shortSideMax}/min(iw*sar,ih))`;
  const even = (length: string) => `2*max(1,round(${short}*${length}/2))`;
  const filters = [
    `scale=w='${even('iw*sar')}':h='${even('ih')}',setsar=1`,
    ...toneMapping(tools, video),
    'format=yuv420p',
  ];
  return [
    ...['-vf', filters.join(','), tools.features.fpsMode ? '-fps_mode' : '-vsync', 'vfr'],
    ...['-c:v', 'libx264', '-preset', rules.preset, '-crf', String(rules.crf), '-profile:v', 'high'],
    // A player can jump to every two seconds.
    ...['-force_key_frames', 'expr:gte(t,n_forced*2)'],
  ];
}

/** HDR on a screen that knows none is grey; the curve of Hable keeps lights and faces. */
function toneMapping(tools: ReadyTools, { colourTransfer }: VideoStream): string[] {
  const hdr = colourTransfer === 'smpte2084' || colourTransfer === 'arib-std-b67';
  if (!hdr || !tools.features.zscale || !tools.features.tonemap) return [];
  return [
    ...[`zscale=tin=${colourTransfer}:min=bt2020nc:pin=bt2020:t=linear:npl=100`, 'format=gbrpf32le', 'zscale=p=bt709'],
    ...['tonemap=tonemap=hable:desat=0', 'zscale=t=bt709:m=bt709:r=tv'],
  ];
}

function audioEncoder(audio: AudioStream, { audioKbps }: RenditionRules): string[] {
  const filters = [...mixNameless(audio, 'stereo'), 'aresample=async=1'];
  return ['-af', filters.join(','), '-c:a', 'aac', '-b:a', `${audioKbps}k`, '-ac', '2'];
}

/** Reads `-progress`. */
class WrittenTime {
  seconds = 0;
  readonly #on: (seconds: number) => void;
  #rest = '';

  constructor(on: (seconds: number) => void) {
    this.#on = on;
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const micros = /^out_time_us=(\d+)/.exec(line)?.[1];
      if (micros === undefined) continue;
      this.seconds = Number(micros) / 1e6;
      this.#on(this.seconds);
    }
  }
}
