/** Step `detect_speech`: where somebody speaks, `speech.json`. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type, { type Static } from 'typebox';
import { type StepContext, withoutTools } from '../context.ts';
import { defineStep } from '../definition.ts';
import { rounded } from '../media/analysis.ts';
import type { ReadyTools } from '../media/tools.ts';
import { type Activity, type ActivityRequest, loudnessActivity, modelActivity } from '../speech/activity.ts';
import { secondsOf } from '../speech/regions.ts';
import { sherpaVersion } from '../speech/sherpa.ts';
import { vadModelPath } from '../speech/vad-model.ts';
import { extractedSpeech } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';

const paramsSchema = Type.Object({
  engine: Type.Enum(['auto', 'silero', 'loudness']),
  threshold: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
  silenceSecondsMin: Type.Number({ exclusiveMinimum: 0, maximum: 10 }),
  speechSecondsMin: Type.Number({ exclusiveMinimum: 0, maximum: 10 }),
  speechSecondsMax: Type.Number({ minimum: 1, maximum: 60 }),
  silenceDb: Type.Number({ exclusiveMaximum: 0 }),
  secondsMax: Type.Number({ exclusiveMinimum: 0 }),
});
type Params = Static<typeof paramsSchema>;

export const detectSpeechStep = defineStep({
  name: 'detect_speech',
  version: '1',
  class: 'media',
  priority: 54,
  attemptsMax: 5,
  timeoutMs: 6 * 3_600_000,
  needs: ['extract_speech'],
  params: {
    engine: 'auto',
    threshold: 0.5,
    silenceSecondsMin: 0.3,
    speechSecondsMin: 0.2,
    speechSecondsMax: 30,
    silenceDb: -35,
    secondsMax: 86_400,
  },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run(context) {
    const { tools, asset, params, scratch, inputs } = context;
    if (tools.state === 'missing') return withoutTools(tools);
    const speech = await extractedSpeech(inputs);
    const found = await detect(context, { tools, file: speech.path, seconds: speech.seconds });
    if (found.kind === 'skipped') return found;
    const { activity, engine, engineVersion, note } = found;
    const regions = activity.regions.map(({ start, end }) => [start, end] as const);
    const speechSeconds = secondsOf(activity.regions);
    const facts = {
      engine,
      engineVersion,
      params,
      inputSha256: asset.id,
      seconds: rounded(activity.seconds),
      speechSeconds,
      speechShare: activity.seconds > 0 ? rounded(speechSeconds / activity.seconds) : 0,
      ...(note === null ? {} : { note }),
    };
    const document = { kind: 'holdfast.speech', schemaVersion: 1, ...facts, regions };
    await writeFile(path.join(scratch, 'speech.json'), `${JSON.stringify(document)}\n`);
    return {
      kind: 'done',
      output: { ...facts, speech: 'speech.json', regions: regions.length },
      files: [{ name: 'speech.json', contentType: 'application/json' }],
    };
  },
});

type Found =
  | {
      readonly kind: 'found';
      readonly activity: Activity;
      readonly engine: string;
      readonly engineVersion: string;
      readonly note: string | null;
    }
  | { readonly kind: 'skipped'; readonly reason: string };

async function detect(
  context: StepContext<Params>,
  sound: { readonly tools: ReadyTools; readonly file: string; readonly seconds: number },
): Promise<Found> {
  const { params, signal, clock, timeoutMs, log } = context;
  const { tools } = sound;
  const request: ActivityRequest = { ...sound, rules: params, signal, clock, timeoutMs, progress: context.progress };
  const [model, version] = [vadModelPath(), sherpaVersion()];
  let lacking = model === null ? 'the model is not installed' : 'the package sherpa-onnx-node is not installed';
  if (params.engine !== 'loudness' && model !== null && version !== null) {
    try {
      const activity = await modelActivity(request, model);
      return { kind: 'found', activity, engine: 'silero-vad-5', engineVersion: `sherpa-onnx ${version}`, note: null };
    } catch (error) {
      if (signal.aborted || params.engine === 'silero') throw error;
      lacking = `the model could not be run (${error instanceof Error ? error.message : String(error)})`.slice(0, 300);
      log.warn({ err: error }, 'the speech model could not be run; going by loudness');
    }
  }
  if (params.engine === 'silero')
    return { kind: 'skipped', reason: `Silero's model was asked for, but ${lacking}: npm install sherpa-onnx-node.` };
  if (!tools.features.silencedetect)
    return {
      kind: 'skipped',
      reason: `Silero's model cannot be used (${lacking}), and this ffmpeg has no silencedetect.`,
    };
  const note = params.engine === 'loudness' ? null : `Judged by loudness, which noise misleads, because ${lacking}.`;
  return {
    kind: 'found',
    activity: await loudnessActivity(request),
    engine: 'ffmpeg-silencedetect',
    engineVersion: tools.version,
    note,
  };
}
