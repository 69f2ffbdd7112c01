/** `@holdfast/client/react`: uploads in React 18 and 19. See docs/react.md. */
export { ChunkUploader, type ChunkUploaderProps, type ChunkUploaderSlots, type PartProps } from './chunk-uploader.tsx';
export { audioCompressor } from './compress-audio.ts';
export type {
  CompressAudio,
  CompressionOutcome,
  CompressionQuality,
  CompressionReport,
  CompressionRequest,
  CompressionSkipped,
} from './compression.ts';
export { en } from './labels/en.ts';
export { createFormat, type Format } from './labels/format.ts';
export type { RecorderAction, UploaderAction, UploaderLabels } from './labels/labels.ts';
export { Recorder, type RecorderProps } from './recorder.tsx';
export type { UploadEvents, UploadStart } from './upload-flow.ts';
export {
  type ClientChoice,
  UploadProvider,
  type UploadProviderProps,
  useUploadClient,
} from './upload-provider.tsx';
export type { UploaderState, UploaderStatus, UploadProgress, UploadResult } from './uploader-state.ts';
export {
  type AudioMetadata,
  type ChunkUploaderOptions,
  type ChunkUploaderParts,
  useChunkUploader,
} from './use-chunk-uploader.ts';
export { type UseRecorderOptions, useRecorder, useRecorderLevel } from './use-recorder.ts';
export { type Uploads, useUpload, useUploads } from './use-upload.ts';
export { useUploadQueue } from './use-upload-queue.ts';
