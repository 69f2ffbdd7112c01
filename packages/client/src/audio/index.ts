/** `@holdfast/client/audio`: makes recordings of speech small before they are sent. See docs/audio.md. */
export type { AsrImpact } from './asr-impact.ts';
export {
  autoCompress,
  type CompressionResult,
  type CompressionWarning,
  type CompressOptions,
  compress,
} from './compress.ts';
export type { VoiceFilters } from './dsp/voice-chain.ts';
export { type CompressionEstimate, type EstimateGoal, estimateCompression, estimateCompressions } from './estimate.ts';
export type { Progress as CompressionProgress } from './messages.ts';
export { type CompressionPreset, compressionPresets } from './presets.ts';
export type { Skipped, SkipReason } from './skipped.ts';
