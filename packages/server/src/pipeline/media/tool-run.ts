/**
 * The one way in which steps start ffmpeg, ffprobe and recognisers that come with the system: with every cap that this machine can hold.
 * What stops a program because of the file (too much output) is the file's fault and final; what may be the machine's trouble is thrown
 * as it is and tried again.
 */
import type { Clock } from '../../core/ports/clock.ts';
import { PermanentStepError } from '../context.ts';
import { type FencedExit, FenceError, type OutputPipe, runFenced } from './fence.ts';
import type { ReadyTools } from './tools.ts';

export interface ToolRun {
  readonly tools: ReadyTools;
  /** One of the tools, or the path of a program that needs no more than they do: no network, files only as allowed. */
  readonly program: 'ffmpeg' | 'ffprobe' | { readonly path: string };
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly outputs: readonly OutputPipe[];
  /** Bytes that it may write to any one file; none by default: results come through pipes. */
  readonly fileBytesMax?: number;
  readonly cwd?: string;
  readonly priority?: 'low' | 'lowest';
}

/** @throws PermanentStepError when the output goes beyond its cap, FenceError otherwise */
export async function runTool(run: ToolRun): Promise<FencedExit> {
  const { tools, program, args, signal, clock, timeoutMs, outputs } = run;
  // Threads add up: the wall-clock limit with all threads busy, and a little for start and end.
  const cpuSecondsMax = (timeoutMs / 1000) * (tools.threads + 2) + 5;
  try {
    return await runFenced({
      command: typeof program === 'string' ? tools[program] : program.path,
      args,
      signal,
      clock,
      timeoutMs,
      outputs,
      memory: tools.memory,
      usage: tools.memory && { prlimit: tools.memory.prlimit, cpuSecondsMax, fileBytesMax: run.fileBytesMax ?? 0 },
      isolation: tools.isolation,
      priority: run.priority ?? 'low',
      ...(run.cwd === undefined ? {} : { cwd: run.cwd }),
    });
  } catch (error) {
    if (!(error instanceof FenceError) || error.kind !== 'output-too-large') throw error;
    throw new PermanentStepError('The file gives more pictures or sound than can be looked at.', { cause: error });
  }
}

/** Options that every ffmpeg call begins with. */
export function quietly(tools: ReadyTools): string[] {
  return [
    '-nostdin',
    '-hide_banner',
    '-v',
    'error',
    '-y',
    '-threads',
    String(tools.threads),
    '-filter_complex_threads',
    '1',
  ];
}

/** Frames as they are: without it ffmpeg fills gaps in time with copies. */
export function passthrough(tools: ReadyTools): string[] {
  return [tools.features.fpsMode ? '-fps_mode' : '-vsync', 'passthrough'];
}
