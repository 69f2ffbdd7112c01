/** Step `transcribe`: what is said, by the engine that the configuration chose: `transcript.json`, `.vtt`, `.srt`, `.txt`. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type, { type Static } from 'typebox';
import { type ResultFile, type StepContext, type StepResult, withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { rounded } from '../media/analysis.ts';
import type { ReadyTools } from '../media/tools.ts';
import { cuesOf, toSrt, toVtt } from '../speech/captions.ts';
import { cutStretch } from '../speech/pcm.ts';
import { commandOutputs, type Recogniser, speechEngines } from '../speech/recogniser.ts';
import { openRecogniser } from '../speech/recognisers/open.ts';
import { chunksOf, secondsOf } from '../speech/regions.ts';
import { type Heard, joinHeard, qualityOf, type Transcript } from '../speech/transcript.ts';
import { type DetectedSpeech, detectedSpeech, extractedSpeech } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const text = Type.Union([Type.String({ minLength: 1, maxLength: 2_000 }), Type.Null()]);
const paramsSchema = Type.Object({
  engine: Type.Enum([...speechEngines]),
  model: text,
  language: text,
  url: text,
  command: Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 100 }),
  commandOutput: Type.Enum([...commandOutputs]),
  chunkSeconds: Type.Number({ minimum: 0, maximum: 14_400 }),
});
type Params = Static<typeof paramsSchema>;

const howToEnable =
  'No speech engine is set up. Install one (Debian, English drafts: apt install pocketsphinx pocketsphinx-en-us), or set speechEngine to command (whisper.cpp), openai (a server) or sherpa-onnx (a model folder); see docs/speech.md. `holdfast doctor` lists what is there.';

export const transcribeStep = defineStep({
  name: 'transcribe',
  version: '1',
  class: 'recognition',
  priority: 40,
  attemptsMax: 4,
  timeoutMs: 24 * 3_600_000,
  needs: ['extract_speech', 'detect_speech'],
  params: {
    engine: 'none',
    model: null,
    language: null,
    url: null,
    command: [],
    commandOutput: 'json',
    chunkSeconds: 0,
  },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run(context) {
    const { tools, params, inputs } = context;
    if (params.engine === 'none') return { kind: 'skipped', reason: howToEnable };
    if (tools.state === 'missing') return withoutTools(tools);
    const speech = await detectedSpeech(inputs);
    if (speech.regions.length === 0)
      return { kind: 'skipped', reason: 'Nobody speaks: no speech was found in the sound.' };
    await using recogniser = await openRecogniser({
      params,
      tools,
      scratch: context.scratch,
      apiKey: context.secrets.speechApiKey,
      signal: context.signal,
      clock: context.clock,
      timeoutMs: context.timeoutMs,
      warn: (facts, message) => context.log.warn(facts, message),
    });
    return write(context, await transcribe(context, { recogniser, tools, speech }));
  },
});

interface Work {
  readonly recogniser: Recogniser;
  readonly tools: ReadyTools;
  readonly speech: DetectedSpeech;
}

async function transcribe(context: StepContext<Params>, { recogniser, tools, speech }: Work): Promise<Transcript> {
  const { params, asset, scratch, signal, clock, timeoutMs } = context;
  const sound = await extractedSpeech(context.inputs);
  const rules = {
    secondsMax: params.chunkSeconds > 0 ? params.chunkSeconds : recogniser.chunkSeconds,
    paddingSeconds: 0.25,
    pauseSecondsMax: 5,
  };
  const chunks = chunksOf(speech.regions, sound.seconds, rules);
  const total = secondsOf(chunks);
  const parts: { start: number; end: number; heard: Heard }[] = [];
  let done = 0;
  for (const chunk of chunks) {
    const file = path.join(scratch, 'stretch.wav');
    const seconds = chunk.end - chunk.start;
    await cutStretch({ tools, file: sound.path, out: file, start: chunk.start, seconds, signal, clock, timeoutMs });
    parts.push({ ...chunk, heard: await recogniser.recognise({ file, seconds }) });
    await rm(file, { force: true });
    done += seconds;
    context.progress(done / total);
  }
  const { segments, words } = joinHeard(parts);
  return {
    kind: 'holdfast.transcript',
    schemaVersion: 1,
    engine: params.engine,
    engineVersion: recogniser.engineVersion,
    params,
    inputSha256: asset.id,
    model: params.model,
    language: mostHeard(parts.flatMap(({ heard }) => heard.language ?? [])) ?? params.language,
    grade: recogniser.grade,
    punctuated: recogniser.punctuated,
    seconds: rounded(sound.seconds),
    segments,
    words,
    quality: qualityOf(
      { segments, words },
      { speechSeconds: secondsOf(speech.regions), speechShare: speech.speechShare },
    ),
  };
}

/** Stretches may be taken for different languages; the most frequent one names the whole. */
function mostHeard(languages: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const language of languages) counts.set(language, (counts.get(language) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}

async function write({ scratch }: StepContext<Params>, transcript: Transcript): Promise<StepResult> {
  const { engine, engineVersion, params, inputSha256, segments, words, grade, quality, language } = transcript;
  const cues = cuesOf(segments.map((segment) => ({ segment, words: words.slice(...segment.words) })));
  const note = `Made by ${engine} (${engineVersion})${grade === 'draft' ? ', a draft' : ''}; not checked by a person.`;
  // One after the other: those of ten hours together would keep the process for too long.
  const contents: readonly (readonly [ResultFile, () => string])[] = [
    [{ name: 'transcript.json', contentType: 'application/json' }, () => `${JSON.stringify(transcript)}\n`],
    [{ name: 'transcript.vtt', contentType: 'text/vtt; charset=utf-8' }, () => toVtt(cues, note)],
    [{ name: 'transcript.srt', contentType: 'application/x-subrip; charset=utf-8' }, () => toSrt(cues)],
    [
      { name: 'transcript.txt', contentType: 'text/plain; charset=utf-8' },
      () => segments.map((segment) => `${segment.text}\n`).join(''),
    ],
  ];
  for (const [file, content] of contents) await writeFile(path.join(scratch, file.name), content());
  const facts = { transcript: 'transcript.json', grade, language, segments: segments.length, words: words.length };
  const { lowConfidenceSpans, ...figures } = quality;
  return {
    kind: 'done',
    output: {
      ...{ engine, engineVersion, params, inputSha256 },
      ...facts,
      quality: { ...figures, lowConfidenceSpans: lowConfidenceSpans.length },
    },
    files: contents.map(([file]) => file),
  };
}
