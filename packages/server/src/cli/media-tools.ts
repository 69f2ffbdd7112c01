/** The media tools of this machine, as the configuration wants them. */
import { availableParallelism } from 'node:os';
import type { Config } from '../config/schema.ts';
import { findMediaTools, type MediaTools } from '../pipeline/media/tools.ts';
import { systemClock } from '../platform/system-clock.ts';

/** Address space of one media program. */
const memoryBytesMax = 4 * 1024 ** 3;

export function mediaTools(config: Config, signal: AbortSignal): Promise<MediaTools> {
  return findMediaTools({
    ffmpegPath: config.ffmpegPath ?? null,
    ffprobePath: config.ffprobePath ?? null,
    searchPath: process.env['PATH'] ?? '',
    threads: Math.max(1, Math.min(4, availableParallelism())),
    memoryBytesMax,
    clock: systemClock,
    signal,
  });
}
