/** Takes the sound that recognisers get out of a file: 16 kHz, mono, lossless, on the clock of the file, without any filter for noise. */
import { open } from 'node:fs/promises';
import type { Clock } from '../../core/ports/clock.ts';
import { type FilmTracks, onFilmClock } from '../media/film-clock.ts';
import { guardedInput } from '../media/input-guard.ts';
import type { AudioStream } from '../media/media-info.ts';
import { decodingFailure } from '../media/probe.ts';
import { mixNameless } from '../media/sound-filters.ts';
import { quietly, runTool } from '../media/tool-run.ts';
import type { ReadyTools } from '../media/tools.ts';
import { type ChannelChoice, StereoPower } from './channels.ts';
import { sampleRate } from './pcm.ts';

export interface ExtractionRequest {
  readonly tools: ReadyTools;
  readonly file: string;
  readonly media: FilmTracks;
  /** Which of the file's sound tracks, counted from 0. */
  readonly track: number;
  /** What is known of that track; null when that is nothing. */
  readonly sound: AudioStream | null;
  readonly secondsMax: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** Enough to tell how the sides of a recording relate. */
const listenSeconds = 600;
const listenRate = 8_000;

function input({ tools, file, track }: ExtractionRequest): string[] {
  return [...quietly(tools), ...guardedInput(file), '-map', `0:a:${track}`, '-vn', '-sn', '-dn'];
}

/** Listens to the first ten minutes of a track with two channels. */
export async function chooseChannels(request: ExtractionRequest): Promise<ChannelChoice> {
  const { tools, signal, clock, timeoutMs } = request;
  const power = new StereoPower();
  let rest: Buffer = Buffer.alloc(0);
  const exit = await runTool({
    tools,
    program: 'ffmpeg',
    args: [
      ...[...input(request), '-t', String(listenSeconds), '-ac', '2', '-ar', String(listenRate)],
      ...['-c:a', 'pcm_s16le', '-f', 's16le', 'pipe:1'],
    ],
    signal,
    clock,
    timeoutMs,
    outputs: [
      {
        fd: 1,
        bytesMax: (listenSeconds + 2) * listenRate * 4,
        take: (chunk) => {
          const joined = Buffer.concat([rest, chunk]);
          const whole = joined.length - (joined.length % 4);
          // A copy begins where 16-bit numbers may.
          power.push(new Int16Array(new Uint8Array(joined.subarray(0, whole)).buffer));
          rest = joined.subarray(whole);
        },
      },
    ],
  });
  if (exit.code !== 0) throw decodingFailure('ffmpeg could not take the sound out', exit.stderrTail, request.file);
  return power.choice();
}

/** Writes FLAC. Gaps and a late beginning of the track are filled with silence, so that times are those of the file. Resolves to its seconds. */
export async function extractSound(
  request: ExtractionRequest,
  out: { readonly file: string; readonly channels: ChannelChoice; onSeconds(seconds: number): void },
): Promise<number> {
  const { tools, signal, clock, timeoutMs, secondsMax } = request;
  // Lossless at this rate is below 32 kB/s whatever the file claims.
  const bytesMax = Math.ceil(secondsMax * sampleRate * 2.1);
  const mix = request.sound === null ? [] : mixNameless(request.sound, 'mono');
  const side = out.channels === 'mix' ? mix : [`pan=mono|c0=c${out.channels === 'left' ? 0 : 1}`];
  const filters = [...side, `aresample=${sampleRate}:async=1:first_pts=0`].join(',');
  const exit = await runTool({
    tools,
    program: 'ffmpeg',
    args: [
      ...[...input(request), '-t', String(secondsMax), '-af', filters, '-ac', '1', '-ar', String(sampleRate)],
      ...['-sample_fmt', 's16', '-c:a', 'flac', '-map_metadata', '-1', '-fflags', '+bitexact', '-flags:a', '+bitexact'],
      ...['-fs', String(bytesMax), '-progress', 'pipe:1', '-f', 'flac', out.file],
      ...onFilmClock(request.media, secondsMax),
    ],
    signal,
    clock,
    timeoutMs,
    outputs: [
      {
        fd: 1,
        bytesMax: 256 * 1024 * 1024,
        take: (chunk) => {
          const micros = [...chunk.toString('latin1').matchAll(/^out_time_us=(\d+)$/gm)].at(-1)?.[1];
          if (micros !== undefined) out.onSeconds(Number(micros) / 1e6);
        },
      },
    ],
    // ffmpeg stops by itself at the first, a packet late; the kernel at this.
    fileBytesMax: bytesMax + 1024 * 1024,
  });
  if (exit.code !== 0) throw decodingFailure('ffmpeg could not take the sound out', exit.stderrTail, request.file);
  return flacSeconds(out.file);
}

/** From the number of samples in STREAMINFO (RFC 9639, 8.2); 0 for a file without sound. */
async function flacSeconds(file: string): Promise<number> {
  const handle = await open(file, 'r');
  try {
    const head = Buffer.alloc(26);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return bytesRead < head.length ? 0 : ((head.readUInt8(21) & 0x0f) * 2 ** 32 + head.readUInt32BE(22)) / sampleRate;
  } finally {
    await handle.close();
  }
}
