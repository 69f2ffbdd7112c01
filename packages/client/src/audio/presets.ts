/** What compression can be asked for. Everything comes out as one channel of 16 kHz, Opus in WebM. */

/** Bitrates in bit/s. docs/audio.md says which to choose; above 64 kbit/s nothing is gained for speech. */
export const compressionPresets = {
  MEDICAL_HIGH_QUALITY: { bitrate: 128_000 },
  MEDICAL_BALANCED: { bitrate: 96_000 },
  MOBILE_OPTIMIZED: { bitrate: 64_000 },
  SPEECH: { bitrate: 32_000 },
} as const;

export type CompressionPreset = keyof typeof compressionPresets;

/** Below this, recognition falls apart: nothing is compressed further. */
export const bitrateMin = 16_000;
/** Below this, the result carries a warning. */
export const bitrateWarn = 24_000;
/** More than this is never used, however large the target. */
export const bitrateMax = 128_000;
/** Longer recordings are left alone. */
export const durationSecondsMax = 24 * 3600;
