/** What the recorder needs of a browser, as a value: nothing is touched before it is asked for. */
export interface RecorderPlatform {
  /** Undefined on pages that are not secure (no HTTPS, and not localhost). */
  readonly mediaDevices: MediaDevices | undefined;
  readonly canRecord: (mimeType: string) => boolean;
  readonly createRecorder: (stream: MediaStream, options: MediaRecorderOptions) => MediaRecorder;
  readonly createAudioContext: () => AudioContext;
}

export function browserPlatform(): RecorderPlatform {
  return {
    get mediaDevices() {
      return globalThis.navigator?.mediaDevices as MediaDevices | undefined;
    },
    canRecord: (mimeType) => globalThis.MediaRecorder?.isTypeSupported(mimeType) === true,
    createRecorder: (stream, options) => new MediaRecorder(stream, options),
    createAudioContext: () => new AudioContext(),
  };
}
