import type { CompressionPreset } from '@holdfast/client/audio';
import { useServices } from '../app/services.tsx';
import { useResource } from '../state/resource.ts';
import { isPreset } from './sound-choice.ts';

/** What whoever runs the server wants of browsers (docs/recordings.md, `GET /api/v1/recordings/config`). */
export interface SoundSettings {
  /** Whether compression is offered at all. */
  readonly offered: boolean;
  /** Chosen for recordings unless somebody chooses otherwise. */
  readonly preset: CompressionPreset;
  readonly keepsOriginal: boolean;
}

const unknown: SoundSettings = { offered: true, preset: 'MEDICAL_BALANCED', keepsOriginal: false };

export function useSoundSettings(): SoundSettings {
  const { api } = useServices();
  const [loaded] = useResource('recording-config', () => api.recordingConfig());
  if (loaded.state !== 'ready') return unknown;
  const config = loaded.value;
  return {
    offered: config.audio_compression_enabled,
    preset: isPreset(config.default_compression_preset) ? config.default_compression_preset : unknown.preset,
    keepsOriginal: config.preserve_original_audio,
  };
}
