/** The compression of `@holdfast/client/audio` behind the port: loaded when the first audio is compressed. */
import type { CompressionOutcome, CompressionRequest } from './compression.ts';

export async function compressAudio({ blob }: CompressionRequest): Promise<CompressionOutcome> {
  return { blob, skipped: 'This build has no audio compression.', bitrate: null };
}
