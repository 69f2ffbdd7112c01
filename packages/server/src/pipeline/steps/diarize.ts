/** Step `diarize`, experimental: which regions have the same voice, `speakers.json`. Nobody is recognised by name. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type, { type Static } from 'typebox';
import { type StepContext, withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { speakersSaid } from '../from-origin.ts';
import { rounded } from '../media/analysis.ts';
import type { ReadyTools } from '../media/tools.ts';
import type { SpeakerTurn } from '../speech/clean.ts';
import { NativeProcess } from '../speech/native-process.ts';
import { decodePcm, sampleRate } from '../speech/pcm.ts';
import { piecesOf } from '../speech/regions.ts';
import { sherpaVersion } from '../speech/sherpa.ts';
import type { Grouped } from '../speech/voice-grouper.ts';
import { detectedSpeech, extractedSpeech } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const version = '1';
const model = Type.Union([Type.String({ minLength: 1, maxLength: 2_000 }), Type.Null()]);
const paramsSchema = Type.Object({
  speakers: Type.Integer({ minimum: 0, maximum: 50, description: 'How many speak; 0: find out.' }),
  speakersMax: Type.Integer({ minimum: 2, maximum: 50 }),
  pieceSeconds: Type.Number({ minimum: 1, maximum: 30 }),
  silhouetteMin: Type.Number({ minimum: -1, maximum: 1 }),
  segmentationModel: model,
  embeddingModel: model,
  secondsMax: Type.Number({ exclusiveMinimum: 0 }),
});
type Params = Static<typeof paramsSchema>;

/** sherpa-onnx takes the sound as a whole: 4 bytes a sample, twice. */
const modelSecondsMax = 4 * 3_600;

export const diarizeStep = defineStep({
  name: 'diarize',
  version,
  class: 'recognition',
  priority: 45,
  attemptsMax: 4,
  timeoutMs: 6 * 3_600_000,
  needs: ['extract_speech', 'detect_speech'],
  params: {
    speakers: 0,
    speakersMax: 8,
    pieceSeconds: 3,
    silhouetteMin: 0.25,
    segmentationModel: null,
    embeddingModel: null,
    secondsMax: 86_400,
  },
  fromOrigins(origins) {
    const speakers = speakersSaid(origins);
    return speakers === null ? {} : { speakers };
  },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run(context) {
    const { tools, params, inputs, asset, scratch } = context;
    if (tools.state === 'missing') return withoutTools(tools);
    if (params.speakers === 1)
      return { kind: 'skipped', reason: 'One speaker was given: there is nothing to tell apart.' };
    if ((await detectedSpeech(inputs)).regions.length === 0) return { kind: 'skipped', reason: 'Nobody speaks.' };
    const byModels = params.segmentationModel !== null && params.embeddingModel !== null;
    const found = byModels ? await modelTurns(context, tools) : await voiceTurns(context, tools);
    const facts = {
      engine: byModels ? 'sherpa-onnx-diarization' : 'holdfast-voices',
      engineVersion: byModels ? (sherpaVersion() ?? 'not installed') : version,
      params,
      inputSha256: asset.id,
      experimental: true,
      speakers: found.speakers,
      silhouette: found.silhouette,
    };
    const document = { kind: 'holdfast.speakers', schemaVersion: 1, ...facts, turns: found.turns };
    await writeFile(path.join(scratch, 'speakers.json'), `${JSON.stringify(document)}\n`);
    return {
      kind: 'done',
      output: { ...facts, file: 'speakers.json', turns: found.turns.length },
      files: [{ name: 'speakers.json', contentType: 'application/json' }],
    };
  },
});

interface Found {
  readonly turns: readonly SpeakerTurn[];
  readonly speakers: number;
  readonly silhouette: number | null;
}

async function voiceTurns(context: StepContext<Params>, tools: ReadyTools): Promise<Found> {
  const { params, signal } = context;
  const { regions } = await detectedSpeech(context.inputs);
  await using native = new NativeProcess(signal);
  // Pieces rather than regions: two people can speak without a pause between them, and a few long regions are too few to compare.
  const pieces = regions.flatMap((region) => piecesOf(region, params.pieceSeconds));
  const samples = pieces.map(({ start, end }) => ({
    start: Math.round(start * sampleRate),
    end: Math.round(end * sampleRate),
  }));
  await native.request<null>({ op: 'voices-open', regions: samples });
  await decode(context, tools, (block) => native.request<null>({ op: 'voices-push', samples: block }));
  const { speakers, speakersMax, silhouetteMin } = params;
  const grouping = { speakers: speakers === 0 ? null : speakers, speakersMax, silhouetteMin };
  const grouped = await native.request<Grouped>({ op: 'voices-end', grouping });
  const turns = joined(
    pieces.flatMap((piece, i) => {
      const label = grouped.labels[i];
      return label === null || label === undefined ? [] : [{ ...piece, speaker: `S${label + 1}` }];
    }),
  );
  const silhouette = grouped.silhouette === null ? null : rounded(grouped.silhouette);
  return { turns, speakers: grouped.speakers, silhouette };
}

/** Pieces without a pause between them and of one voice are one turn. */
function joined(turns: readonly SpeakerTurn[]): SpeakerTurn[] {
  const out: SpeakerTurn[] = [];
  for (const turn of turns) {
    const last = out.at(-1);
    if (last && last.speaker === turn.speaker && turn.start - last.end < 0.01)
      out[out.length - 1] = { ...last, end: turn.end };
    else out.push(turn);
  }
  return out;
}

async function modelTurns(context: StepContext<Params>, tools: ReadyTools): Promise<Found> {
  const { params, signal } = context;
  await using native = new NativeProcess(signal);
  const config = {
    segmentation: params.segmentationModel ?? '',
    embedding: params.embeddingModel ?? '',
    speakers: params.speakers === 0 ? -1 : params.speakers,
    threads: tools.threads,
    secondsMax: modelSecondsMax,
  };
  await native.request<null>({ op: 'diarizer-open', config });
  await decode(context, tools, (block) => native.request<null>({ op: 'diarizer-push', samples: block }));
  const found = await native.request<{ start: number; end: number; speaker: number }[]>({ op: 'diarizer-end' });
  const order = new Map<number, number>();
  const turns = found
    .sort((a, b) => a.start - b.start)
    .map(({ start, end, speaker }) => {
      order.set(speaker, order.get(speaker) ?? order.size + 1);
      return { start: rounded(start), end: rounded(end), speaker: `S${order.get(speaker)}` };
    });
  return { turns, speakers: order.size, silhouette: null };
}

async function decode(
  { inputs, params, signal, clock, timeoutMs, progress }: StepContext<Params>,
  tools: ReadyTools,
  take: (block: Int16Array) => Promise<null>,
): Promise<void> {
  const sound = await extractedSpeech(inputs);
  let taken = 0;
  await decodePcm({
    tools,
    file: sound.path,
    secondsMax: params.secondsMax,
    timeoutMs,
    signal,
    clock,
    take: async (block) => {
      await take(block);
      taken += block.length;
      progress(Math.min(0.95, taken / sampleRate / Math.max(1, sound.seconds)));
    },
  });
}
