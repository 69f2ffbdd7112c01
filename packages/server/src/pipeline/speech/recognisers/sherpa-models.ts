/** Which kind of model a folder of sherpa-onnx has, told by the names of its files. Pure. */
import path from 'node:path';

export interface SherpaModel {
  readonly kind: 'transducer' | 'whisper' | 'moonshine' | 'paraformer' | 'sense-voice' | 'nemo-ctc' | 'zipformer-ctc';
  /** `modelConfig` of sherpa-onnx's recogniser. */
  readonly modelConfig: Readonly<Record<string, unknown>>;
  readonly punctuated: boolean;
}

/** Null when the files are not those of a model that we know. `folder` is also looked at for the name. */
export function sherpaModelIn(
  folder: string,
  names: readonly string[],
  options: { readonly threads: number; readonly language: string | null },
): SherpaModel | null {
  const tokens = names.find((name) => /(?:^|-)tokens\.txt$/.test(name));
  if (tokens === undefined) return null;
  // Whole numbers are smaller and faster, and lose next to nothing.
  const pick = (pattern: RegExp) => {
    const found = names.filter((name) => name.endsWith('.onnx') && pattern.test(name)).sort();
    const best = found.find((name) => name.includes('int8')) ?? found[0];
    return best === undefined ? null : path.join(folder, best);
  };
  const base = { tokens: path.join(folder, tokens), numThreads: options.threads, debug: 0, provider: 'cpu' };
  const made = (kind: SherpaModel['kind'], own: Readonly<Record<string, unknown>>): SherpaModel => ({
    kind,
    modelConfig: { ...base, ...own },
    punctuated: kind === 'whisper' || kind === 'moonshine' || kind === 'sense-voice',
  });
  const [encoder, decoder, joiner] = [pick(/encoder/), pick(/decoder/), pick(/joiner/)];
  if (encoder && decoder && joiner) {
    const nemo = /nemo|parakeet/i.test(folder) ? { modelType: 'nemo_transducer' } : {};
    return made('transducer', { transducer: { encoder, decoder, joiner }, ...nemo });
  }
  const [preprocessor, encode, uncached, cached] = [
    pick(/^preprocess/),
    pick(/^encode\b/),
    pick(/^uncached_decode/),
    pick(/^cached_decode/),
  ];
  if (preprocessor && encode && uncached && cached)
    return made('moonshine', {
      moonshine: { preprocessor, encoder: encode, uncachedDecoder: uncached, cachedDecoder: cached },
    });
  if (encoder && decoder)
    return made('whisper', {
      whisper: { encoder, decoder, language: options.language?.split('-')[0] ?? '', task: 'transcribe' },
    });
  return single(folder, pick(/^model/), made, options.language);
}

function single(
  folder: string,
  model: string | null,
  made: (kind: SherpaModel['kind'], own: Readonly<Record<string, unknown>>) => SherpaModel,
  language: string | null,
): SherpaModel | null {
  if (model === null) return null;
  const name = path.basename(folder).toLowerCase();
  if (name.includes('sense-voice'))
    return made('sense-voice', { senseVoice: { model, language: language ?? 'auto', useInverseTextNormalization: 1 } });
  if (name.includes('paraformer')) return made('paraformer', { paraformer: { model } });
  if (name.includes('zipformer') && name.includes('ctc')) return made('zipformer-ctc', { zipformerCtc: { model } });
  if (/nemo|ctc|parakeet|citrinet|conformer/.test(name)) return made('nemo-ctc', { nemoCtc: { model } });
  return null;
}
