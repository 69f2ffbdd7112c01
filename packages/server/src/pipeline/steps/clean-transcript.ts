/** Step `clean_transcript`: the transcript as text to read, `transcript.clean.json` and `.txt`, and what search finds it by. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type, { type Static } from 'typebox';
import type { StepContext } from '../context.ts';
import { defineStep } from '../definition.ts';
import { timecode } from '../media/words.ts';
import { type Passage, passagesJson, passagesType } from '../passages.ts';
import { clean, type Paragraph, type SpeakerTurn } from '../speech/clean.ts';
import { punctuated } from '../speech/punctuation.ts';
import type { Transcript } from '../speech/transcript.ts';
import { readJson } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const version = '1';
const paramsSchema = Type.Object({
  sentencePauseSeconds: Type.Number({ exclusiveMinimum: 0 }),
  paragraphPauseSeconds: Type.Number({ exclusiveMinimum: 0 }),
  paragraphWordsMax: Type.Integer({ minimum: 10, maximum: 2_000 }),
  removeFillers: Type.Boolean(),
  punctuationModel: Type.Union([Type.String({ minLength: 1, maxLength: 2_000 }), Type.Null()]),
});
type Params = Static<typeof paramsSchema>;

export const cleanTranscriptStep = defineStep({
  name: 'clean_transcript',
  version,
  class: 'light',
  priority: 58,
  attemptsMax: 3,
  timeoutMs: 1_800_000,
  needs: ['transcribe'],
  wants: ['diarize'],
  params: {
    sentencePauseSeconds: 0.35,
    paragraphPauseSeconds: 1.6,
    paragraphWordsMax: 120,
    removeFillers: true,
    punctuationModel: null,
  },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run(context) {
    const { inputs, params, asset, scratch } = context;
    const raw = await readJson<Transcript>(inputs, 'transcribe', 'transcript');
    const turns = await speakerTurns(inputs);
    const { transcript, punctuation } = await withPunctuation(context, raw);
    const { paragraphs, removed } = await clean(transcript, turns, params);
    const speakers = [...new Set(paragraphs.flatMap(({ speaker }) => speaker ?? []))];
    const facts = {
      engine: 'holdfast-clean',
      engineVersion: version,
      params,
      inputSha256: asset.id,
      punctuation,
      source: { engine: raw.engine, engineVersion: raw.engineVersion, model: raw.model, grade: raw.grade },
      language: raw.language,
      speakersExperimental: speakers.length > 0,
    };
    const document = { kind: 'holdfast.clean-transcript', schemaVersion: 1, ...facts, speakers, paragraphs, removed };
    const files = {
      'transcript.clean.json': [`${JSON.stringify(document)}\n`, 'application/json'],
      'transcript.clean.txt': [asText(paragraphs), 'text/plain; charset=utf-8'],
      'speech.passages.json': [passagesJson(passagesOf(paragraphs, raw)), passagesType],
    } as const;
    for (const [name, [content]] of Object.entries(files)) await writeFile(path.join(scratch, name), content);
    const counts = { paragraphs: paragraphs.length, speakers: speakers.length, removed: removed.length };
    return {
      kind: 'done',
      output: { ...facts, clean: 'transcript.clean.json', ...counts },
      files: Object.entries(files).map(([name, [, contentType]]) => ({ name, contentType })),
    };
  },
});

async function speakerTurns(inputs: StepContext['inputs']): Promise<readonly SpeakerTurn[]> {
  if (!inputs['diarize']) return [];
  const { turns, speakers } = await readJson<{ turns: SpeakerTurn[]; speakers: number }>(inputs, 'diarize', 'file');
  return speakers > 1 ? turns : [];
}

/** By the engine itself, by a model when one is configured, else by pauses. */
async function withPunctuation(
  { params, signal, log }: StepContext<Params>,
  raw: Transcript,
): Promise<{ transcript: Transcript; punctuation: string }> {
  if (raw.punctuated) return { transcript: raw, punctuation: 'engine' };
  if (params.punctuationModel === null) return { transcript: raw, punctuation: 'pauses' };
  try {
    const words = await punctuated(raw, { model: params.punctuationModel, signal });
    return { transcript: { ...raw, words, punctuated: true }, punctuation: 'sherpa-onnx' };
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn({ err: error }, 'the punctuation model could not be used; going by pauses');
    return { transcript: raw, punctuation: 'pauses' };
  }
}

/** A page to read: a time, who speaks, what is said. */
function asText(paragraphs: readonly Paragraph[]): string {
  return paragraphs
    .map(({ start, speaker, text }) => `[${timecode(start)}]${speaker === null ? '' : ` ${speaker}:`} ${text}\n`)
    .join('\n');
}

function passagesOf(paragraphs: readonly Paragraph[], raw: Transcript): Passage[] {
  return paragraphs.map(({ start, end, text, sentences }) => {
    let at = 0;
    const marks = sentences.map((sentence) => {
      const mark = [at, sentence.start] as const;
      at += sentence.text.length + 1;
      return mark;
    });
    const [first, last] = [sentences[0]?.words[0] ?? 0, sentences.at(-1)?.words[1] ?? 0];
    const also = raw.words
      .slice(first, last)
      .map((word) => word.text)
      .join(' ');
    return { kind: 'speech', start, end, text, ...(also === '' ? {} : { also }), marks };
  });
}
