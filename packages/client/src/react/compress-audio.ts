/** `@holdfast/client/audio` behind the port: loaded when the first audio is compressed. */
import type { WorkerOptions } from '../audio/worker-link.ts';
import { type CompressAudio, choosePreset } from './compression.ts';

/** For a `compressor` that finds its worker elsewhere (`workerUrl`, `createWorker`). */
export function audioCompressor(options: WorkerOptions = {}): CompressAudio {
  return async ({ blob, quality, duration, onProgress, signal }) => {
    const preset = choosePreset(quality, { size: blob.size, type: blob.type, duration });
    if (preset === null) {
      return { blob, skipped: { reason: 'already-small', message: 'It is small enough as it is.' }, bitrate: null };
    }
    const { compress } = await import('../audio/index.ts');
    const result = await compress(blob, preset, { ...options, onProgress, signal });
    return { blob: result.blob, skipped: result.skipped, bitrate: result.outputBitrate };
  };
}
