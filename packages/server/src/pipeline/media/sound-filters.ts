/** Filters of sound, as texts of ffmpeg's filter language. Pure. */
import type { AudioStream } from './media-info.ts';

/** ffmpeg has no names for more, and mixes nothing whose places it does not know. */
const namedChannelsMax = 8;

/**
 * Brings many channels without names (mixers, field recorders, QuickTime) to one or two, all alike; on two, every other one is on the right.
 * Nothing for sound that ffmpeg can mix by itself.
 */
export function mixNameless({ channels, channelLayout }: AudioStream, to: 'mono' | 'stereo'): string[] {
  const nameless = channelLayout === null || channelLayout === 'unknown';
  if (channels === null || channels <= namedChannelsMax || !nameless) return [];
  const every = (from: number, step: number) =>
    Array.from({ length: Math.ceil((channels - from) / step) }, (_, i) => `c${from + i * step}`).join('+');
  // `<` divides by how many there are.
  return to === 'mono' ? [`pan=mono|c0<${every(0, 1)}`] : [`pan=stereo|c0<${every(0, 2)}|c1<${every(1, 2)}`];
}
