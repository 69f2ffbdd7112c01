/** Where somebody speaks: by Silero's model, or, where that cannot run, by how loud it is. */
import type { Clock } from '../../core/ports/clock.ts';
import { type Interval, rounded } from '../media/analysis.ts';
import { guardedInput } from '../media/input-guard.ts';
import { MetadataLines } from '../media/metadata-lines.ts';
import { decodingFailure } from '../media/probe.ts';
import { quietly, runTool } from '../media/tool-run.ts';
import type { ReadyTools } from '../media/tools.ts';
import { NativeProcess } from './native-process.ts';
import { decodePcm, sampleRate } from './pcm.ts';
import { betweenSilences } from './regions.ts';

export interface ActivityRules {
  /** Probability from which a window counts as speech. */
  readonly threshold: number;
  readonly silenceSecondsMin: number;
  readonly speechSecondsMin: number;
  /** Longer stretches are cut where speech is least likely. */
  readonly speechSecondsMax: number;
  /** Of the way by loudness. */
  readonly silenceDb: number;
  readonly secondsMax: number;
}

export interface ActivityRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  readonly rules: ActivityRules;
  /** Length of the file, for the progress. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
  progress(fraction: number): void;
}

export interface Activity {
  readonly regions: readonly Interval[];
  readonly seconds: number;
}

/** By the model at `model`, in a process of its own, streaming. */
export async function modelActivity(request: ActivityRequest, model: string): Promise<Activity> {
  const { rules, signal } = request;
  await using native = new NativeProcess(signal);
  const sileroVad = {
    model,
    threshold: rules.threshold,
    minSilenceDuration: rules.silenceSecondsMin,
    minSpeechDuration: rules.speechSecondsMin,
    maxSpeechDuration: rules.speechSecondsMax,
    windowSize: 512,
  };
  await native.request<null>({ op: 'vad-open', config: { sileroVad, sampleRate, numThreads: 1 } });
  const found: [number, number][] = [];
  let taken = 0;
  const seconds = await decodePcm({
    ...request,
    secondsMax: rules.secondsMax,
    take: async (samples) => {
      found.push(...(await native.request<[number, number][]>({ op: 'vad-push', samples })));
      taken += samples.length;
      request.progress(Math.min(1, taken / sampleRate / Math.max(1, request.seconds)));
    },
  });
  found.push(...(await native.request<[number, number][]>({ op: 'vad-end' })));
  const regions = found.map(([start, end]) => ({
    start: rounded(start / sampleRate),
    end: rounded(Math.min(end / sampleRate, seconds)),
  }));
  return { regions: regions.filter(({ start, end }) => end > start), seconds };
}

/** Everything that is not silent: right in a quiet room, useless with noise. */
export async function loudnessActivity(request: ActivityRequest): Promise<Activity> {
  const { tools, file, rules, signal, clock, timeoutMs } = request;
  const silences: { start: number; end: number }[] = [];
  let seconds = 0;
  const lines = new MetadataLines((event) => {
    if (event.kind === 'frame') {
      seconds = event.time;
      request.progress(Math.min(1, event.time / Math.max(1, request.seconds)));
    } else if (event.key === 'lavfi.silence_start') {
      silences.push({ start: Math.max(0, event.value), end: Number.POSITIVE_INFINITY });
    } else if (event.key === 'lavfi.silence_end') {
      const last = silences.at(-1);
      if (last) last.end = event.value;
    }
  });
  const filter = `silencedetect=n=${rules.silenceDb}dB:d=${rules.silenceSecondsMin},ametadata=mode=add:key=seen:value=1,ametadata=mode=print:file='pipe\\:3':direct=1`;
  const exit = await runTool({
    tools,
    program: 'ffmpeg',
    args: [
      ...[...quietly(tools), ...guardedInput(file), '-map', '0:a:0'],
      ...['-t', String(rules.secondsMax), '-af', filter, '-f', 'null', '-'],
    ],
    signal,
    clock,
    timeoutMs,
    outputs: [{ fd: 3, bytesMax: 4 * 1024 ** 3, take: (chunk) => lines.push(chunk) }],
  });
  if (exit.code !== 0) throw decodingFailure('ffmpeg could not look for silence', exit.stderrTail, file);
  const length = Math.max(seconds, request.seconds);
  const closed = silences.map(({ start, end }) => ({ start, end: Math.min(end, length) }));
  return { regions: betweenSilences(closed, length), seconds: length };
}
