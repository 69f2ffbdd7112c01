/** The process that `native-process.ts` starts: native models and long computations, one request after the other. */

import { answerRequests } from '../engines/engine-answers.ts';
import { sampleRate } from './pcm.ts';
import { loadSherpa, type SherpaRecogniser, type SherpaVad, type VadConfig } from './sherpa.ts';
import { type DiarizationConfig, Diarizer } from './sherpa-diarizer.ts';
import { type Grouping, VoiceGrouper, type VoiceRegion } from './voice-grouper.ts';

export type NativeRequest =
  | { readonly op: 'vad-open'; readonly config: VadConfig }
  /** Answered with the regions that ended, `[first sample, sample after the last]`. */
  | { readonly op: 'vad-push'; readonly samples: Int16Array }
  | { readonly op: 'vad-end' }
  | { readonly op: 'recogniser-open'; readonly config: unknown }
  | { readonly op: 'recogniser-decode'; readonly samples: Int16Array }
  | { readonly op: 'punctuation-open'; readonly config: unknown }
  | { readonly op: 'punctuation-add'; readonly text: string }
  | { readonly op: 'voices-open'; readonly regions: readonly VoiceRegion[] }
  | { readonly op: 'voices-push'; readonly samples: Int16Array }
  | { readonly op: 'voices-end'; readonly grouping: Grouping }
  | { readonly op: 'diarizer-open'; readonly config: DiarizationConfig }
  | { readonly op: 'diarizer-push'; readonly samples: Int16Array }
  | { readonly op: 'diarizer-end' };

/** The detector looks at windows of 512 samples and keeps what it has not decided about; more than the longest region. */
const vadBufferSeconds = 120;
const vadWindow = 512;

let vad: SherpaVad | null = null;
let vadRest = new Float32Array(0);
let recogniser: SherpaRecogniser | null = null;
let punctuation: { addPunct(text: string): string } | null = null;
let voices: VoiceGrouper | null = null;
let diarizer: Diarizer | null = null;

function answer(request: NativeRequest): unknown {
  switch (request.op) {
    case 'vad-open':
      vad = new (loadSherpa().Vad)(request.config, vadBufferSeconds);
      return null;
    case 'vad-push':
      return pushVad(opened(vad), floats(request.samples));
    case 'vad-end': {
      const detector = opened(vad);
      // The last window is filled up with silence.
      const found = pushVad(detector, new Float32Array(vadWindow));
      detector.flush();
      return [...found, ...ended(detector)];
    }
    case 'recogniser-open':
      recogniser = new (loadSherpa().OfflineRecognizer)(request.config);
      return null;
    case 'recogniser-decode': {
      const engine = opened(recogniser);
      const stream = engine.createStream();
      stream.acceptWaveform({ samples: floats(request.samples), sampleRate });
      engine.decode(stream);
      return engine.getResult(stream);
    }
    case 'punctuation-open':
      punctuation = new (loadSherpa().OfflinePunctuation)(request.config);
      return null;
    case 'punctuation-add':
      return opened(punctuation).addPunct(request.text);
    case 'voices-open':
      voices = new VoiceGrouper(request.regions);
      return null;
    case 'voices-push':
      opened(voices).push(floats(request.samples));
      return null;
    case 'voices-end':
      return opened(voices).group(request.grouping);
    case 'diarizer-open':
      diarizer = new Diarizer(request.config);
      return null;
    case 'diarizer-push':
      opened(diarizer).push(floats(request.samples));
      return null;
    case 'diarizer-end':
      return opened(diarizer).end();
  }
}

function opened<T>(engine: T | null): T {
  if (engine === null) throw new Error('it was not opened');
  return engine;
}

function floats(samples: Int16Array): Float32Array {
  return Float32Array.from(samples, (sample) => sample / 32_768);
}

function pushVad(detector: SherpaVad, samples: Float32Array): [number, number][] {
  const joined = new Float32Array(vadRest.length + samples.length);
  joined.set(vadRest);
  joined.set(samples, vadRest.length);
  let at = 0;
  for (; at + vadWindow <= joined.length; at += vadWindow) detector.acceptWaveform(joined.slice(at, at + vadWindow));
  vadRest = joined.slice(at);
  return ended(detector);
}

function ended(detector: SherpaVad): [number, number][] {
  const regions: [number, number][] = [];
  while (!detector.isEmpty()) {
    const { start, samples } = detector.front(false);
    regions.push([start, start + samples.length]);
    detector.pop();
  }
  return regions;
}

answerRequests(answer);
