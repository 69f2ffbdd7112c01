/** Decodes a file once and measures its picture and sound. */
import type { Clock } from '../../core/ports/clock.ts';
import { PermanentStepError } from '../context.ts';
import type { AudioFacts, Interval } from './analysis.ts';
import { AudioCollector } from './audio-facts.ts';
import type { CutRules } from './cut-detector.ts';
import type { FencedExit, OutputPipe } from './fence.ts';
import { FrameMeter } from './frame-meter.ts';
import { frameBytes } from './frame-metrics.ts';
import type { Picture } from './keyframe-picker.ts';
import { claimedSeconds, framesPerSecond, type MediaInfo, playingSeconds } from './media-info.ts';
import { MetadataLines } from './metadata-lines.ts';
import { plainDiagnostics } from './probe.ts';
import { type ScanRules, scanArguments, scanPipe } from './scan-command.ts';
import type { PictureShot } from './shot-builder.ts';
import { runTool } from './tool-run.ts';
import type { ReadyTools } from './tools.ts';
import type { GradualRules } from './transitions.ts';
import { VideoScan } from './video-scan.ts';

export interface ScanRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  readonly media: MediaInfo;
  readonly rules: ScanRules & CutRules & GradualRules & { readonly framesMax: number };
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** The most that this attempt may take; the limit by media length is applied below it. */
  readonly timeoutMs: number;
  progress(fraction: number): void;
  onPicture(shotIndex: number, picture: Picture): void;
  /** Every picture that comes, a fraction of a second after the one before. */
  onSample?(picture: Picture): void;
}

export interface ScanResult {
  readonly videoSeconds: number | null;
  readonly audioSeconds: number | null;
  readonly frames: number;
  readonly shots: readonly PictureShot[];
  readonly stillShare: number;
  readonly black: readonly Interval[] | null;
  readonly frozen: readonly Interval[] | null;
  readonly audio: AudioFacts | null;
  loudnessBetween(start: number, end: number): number | null;
  /** Lines that ffmpeg wrote about damage, and the last of them. */
  readonly damage: { readonly lines: number; readonly last: string };
}

const textBytesMax = 4 * 1024 ** 3;
const pictureBytesMax = 64 * 1024 ** 3;
/** Decoding slower than a tenth of real time is hopeless. */
const slowest = 10;
const graceMs = 120_000;

/**
 * Rejects with `PermanentStepError` when nothing of the file can be decoded. A file that is damaged or cut off gives what could be
 * decoded, with the damage counted.
 */
export async function scanFile(request: ScanRequest): Promise<ScanResult> {
  const { media, tools, file } = request;
  const audio = new AudioCollector(media.audio?.durationSeconds ?? null);
  const report = progressReport(request);
  const video = new VideoScan({
    rules: request.rules,
    frameSeconds: 1 / (framesPerSecond(media.video?.averageFrameRate ?? null) ?? 25),
    claimedSeconds: media.video?.durationSeconds ?? (claimedSeconds(media).length === 0 ? null : playingSeconds(media)),
    onTime: report,
    onPicture: (index, picture) => request.onPicture(index, picture),
    onSample: (picture) => request.onSample?.(picture),
  });
  await using meter = media.video ? new FrameMeter((row) => video.takeRow(row)) : null;
  // A blocked `push` must not outlive the program: the abort ends the thread, which rejects it.
  const endMeter = () => void meter?.[Symbol.asyncDispose]();
  request.signal.addEventListener('abort', endMeter, { once: true });
  let exit: FencedExit;
  try {
    exit = await runTool({
      tools,
      program: 'ffmpeg',
      args: scanArguments({ tools, file, media, rules: request.rules }),
      signal: request.signal,
      clock: request.clock,
      timeoutMs: timeLimit(request),
      outputs: [
        ...(meter ? videoPipes(video, meter, request.rules.framesMax) : []),
        ...(media.audio ? audioPipes(audio, media.video ? () => {} : report) : []),
      ],
    });
    await meter?.end();
  } finally {
    request.signal.removeEventListener('abort', endMeter);
  }
  const { black, frozen } = video.end();
  checkDecoded(exit, { file, decoded: video.frames > 0 || audio.seconds > 0 });
  return {
    videoSeconds: media.video ? video.seconds : null,
    audioSeconds: media.audio ? audio.seconds : null,
    frames: video.frames,
    shots: video.shots,
    stillShare: video.stillShare,
    black: media.video && tools.features.blackdetect ? black : null,
    frozen: media.video && tools.features.freezedetect ? frozen : null,
    audio: media.audio ? audio.facts({ silence: tools.features.silencedetect }) : null,
    loudnessBetween: (start, end) => (media.audio ? audio.loudnessBetween(start, end) : null),
    damage: { lines: exit.stderrLines, last: plainDiagnostics(exit.stderrTail, file) },
  };
}

function videoPipes(video: VideoScan, meter: FrameMeter, framesMax: number): OutputPipe[] {
  return [
    { fd: scanPipe.frames, bytesMax: framesMax * frameBytes, take: (chunk) => meter.push(chunk) },
    { fd: scanPipe.frameTimes, bytesMax: textBytesMax, take: (chunk) => video.frameTimes.push(chunk) },
    { fd: scanPipe.pictures, bytesMax: pictureBytesMax, take: (chunk) => video.pictures.push(chunk) },
    { fd: scanPipe.pictureTimes, bytesMax: textBytesMax, take: (chunk) => video.pictureTimes.push(chunk) },
  ];
}

function audioPipes(audio: AudioCollector, report: (seconds: number) => void): OutputPipe[] {
  const silence = new MetadataLines(audio.onSilence);
  const loudness = new MetadataLines(audio.onLoudness);
  return [
    { fd: scanPipe.silence, bytesMax: textBytesMax, take: (chunk) => silence.push(chunk) },
    {
      fd: scanPipe.loudness,
      bytesMax: textBytesMax,
      take(chunk) {
        loudness.push(chunk);
        report(audio.seconds);
      },
    },
  ];
}

function progressReport({ media, progress }: ScanRequest): (seconds: number) => void {
  const total = media.durationSeconds;
  return (seconds) => {
    // The last hundredth is for writing the results.
    if (total !== null) progress(Math.min(0.99, Math.max(0, seconds / total)));
  };
}

function timeLimit({ media, timeoutMs }: ScanRequest): number {
  if (media.durationSeconds === null) return timeoutMs;
  return Math.min(timeoutMs, graceMs + media.durationSeconds * 1000 * slowest);
}

function checkDecoded(exit: FencedExit, { file, decoded }: { file: string; decoded: boolean }): void {
  const said = plainDiagnostics(exit.stderrTail, file);
  if (exit.code === null) throw new Error(`ffmpeg died by ${exit.signalName}: ${said}`);
  if (!decoded) throw new PermanentStepError(`Nothing in the file can be decoded: ${said}`);
  // What was decoded before an error counts; out of memory or disk is this machine's trouble.
  if (exit.code !== 0 && /Cannot allocate memory|No space left/.test(exit.stderrTail)) {
    throw new Error(`ffmpeg could not finish: ${said}`);
  }
}
