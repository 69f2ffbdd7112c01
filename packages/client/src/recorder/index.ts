/** `@holdfast/client/recorder`: records from the microphone into the queue, so that a crash loses at most a second. See docs/recorder.md. */
export {
  createRecorder,
  type Microphone,
  type OpenSink,
  type Recorder,
  type RecorderOptions,
  type RecorderState,
  type RecorderStatus,
} from './recorder.ts';
export type { RecorderErrorCode } from './recorder-error.ts';
export { browserPlatform, type RecorderPlatform } from './recorder-platform.ts';
