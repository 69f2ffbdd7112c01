/** What we use of `sherpa-onnx-node`, an optional package with native code: loaded only in a process of its own, or looked for. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export interface VadConfig {
  readonly sileroVad: {
    readonly model: string;
    readonly threshold: number;
    readonly minSilenceDuration: number;
    readonly minSpeechDuration: number;
    readonly maxSpeechDuration: number;
    readonly windowSize: number;
  };
  readonly sampleRate: number;
  readonly numThreads: number;
}

interface SherpaVad {
  acceptWaveform(samples: Float32Array): void;
  isEmpty(): boolean;
  /** `start` counts samples from the beginning. */
  front(external: boolean): { readonly start: number; readonly samples: Float32Array };
  pop(): void;
  flush(): void;
}

export interface SherpaResult {
  readonly text: string;
  readonly tokens?: readonly string[];
  /** Seconds at which each token begins. */
  readonly timestamps?: readonly number[];
  readonly lang?: string;
}

interface SherpaRecogniser {
  createStream(): { acceptWaveform(wave: { samples: Float32Array; sampleRate: number }): void };
  decode(stream: object): void;
  getResult(stream: object): SherpaResult;
}

export interface SherpaModule {
  readonly version: string;
  readonly Vad: new (config: VadConfig, bufferSeconds: number) => SherpaVad;
  readonly OfflineRecognizer: new (config: unknown) => SherpaRecogniser;
  readonly OfflinePunctuation: new (config: unknown) => { addPunct(text: string): string };
  readonly OfflineSpeakerDiarization: new (
    config: unknown,
  ) => {
    readonly sampleRate: number;
    process(samples: Float32Array): { start: number; end: number; speaker: number }[];
  };
}

export type { SherpaRecogniser, SherpaVad };

/** Throws when the package, or its part for this machine, is not installed. */
export function loadSherpa(): SherpaModule {
  return createRequire(import.meta.url)('sherpa-onnx-node') as SherpaModule;
}

/** The version that is installed, without running any of its code; null when it is not. */
export function sherpaVersion(): string | null {
  try {
    const require = createRequire(import.meta.url);
    const manifest = JSON.parse(readFileSync(require.resolve('sherpa-onnx-node/package.json'), 'utf8')) as {
      version?: string;
    };
    require.resolve(
      `sherpa-onnx-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}/package.json`,
    );
    return manifest.version ?? null;
  } catch {
    return null;
  }
}
