/** Step `summarize_scene`: what was measured, said and read, in words, `<name>.summary.json`. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import Type, { type Static } from 'typebox';
import { artifactStem, type StepContext } from '../context.ts';
import { defineStep } from '../definition.ts';
import type { Analysis } from '../media/analysis.ts';
import { type Material, summarize } from '../media/summary.ts';
import { timecode } from '../media/words.ts';
import type { Paragraph } from '../speech/clean.ts';
import { type ChatSummary, chatSummary } from '../text/chat-summary.ts';
import { extract, type ScreenText, type Speech } from '../text/extract.ts';
import { readAnalysis, readJson } from './inputs.ts';
import { mayBeMedia } from './media-assets.ts';
import type { OnScreenText } from './read-text.ts';

const version = '2';
const text = Type.Union([Type.String({ minLength: 1, maxLength: 2_000 }), Type.Null()]);
const paramsSchema = Type.Object({
  chatUrl: text,
  chatModel: text,
  chatTokensMax: Type.Integer({ minimum: 500, maximum: 1_000_000 }),
});
type Params = Static<typeof paramsSchema>;

export const summarizeSceneStep = defineStep({
  name: 'summarize_scene',
  version,
  class: 'light',
  priority: 60,
  attemptsMax: 3,
  timeoutMs: 2 * 3_600_000,
  needs: ['scan_video'],
  wants: ['clean_transcript', 'read_text'],
  params: { chatUrl: null, chatModel: null, chatTokensMax: 6_000 },
  paramsSchema,
  appliesTo: mayBeMedia,
  async run(context) {
    const { asset, assetName, inputs, scratch, params } = context;
    const analysis = await readAnalysis(inputs);
    const [speech, screen] = [await speechOf(inputs), await screenOf(inputs)];
    const { chat, fallback } = await askModel(context, { analysis, speech, screen });
    const { kind, ...summary } = summarize(analysis, {
      speech,
      screen,
      extract: await extract(speech, screen),
      chat,
      notKnown: [...gaps(context), ...(fallback === null ? [] : [fallback])],
    });
    const engine = chat === null ? (summary.method === 'facts' ? 'holdfast-facts' : 'holdfast-extractive') : 'chat';
    const engineVersion = chat === null ? version : chat.model;
    const provenance = { engine, engineVersion, params, inputSha256: asset.id };
    const name = `${artifactStem(assetName)}.summary.json`;
    await writeFile(path.join(scratch, name), `${JSON.stringify({ kind, ...provenance, ...summary }, null, 2)}\n`);
    return {
      kind: 'done',
      output: {
        ...provenance,
        summary: name,
        method: summary.method,
        text: summary.text,
        keyPhrases: summary.keyPhrases,
        scenes: summary.scenes.length,
        ...(fallback === null ? {} : { fallback }),
      },
      files: [{ name, contentType: 'application/json' }],
    };
  },
});

type Inputs = StepContext['inputs'];

async function speechOf(inputs: Inputs): Promise<Speech | null> {
  if (!inputs['clean_transcript']) return null;
  const cleaned = await readJson<{
    paragraphs: Paragraph[];
    language: string | null;
    source: { grade: Speech['grade'] };
  }>(inputs, 'clean_transcript', 'clean');
  return { paragraphs: cleaned.paragraphs, language: cleaned.language, grade: cleaned.source.grade };
}

async function screenOf(inputs: Inputs): Promise<ScreenText[]> {
  if (!inputs['read_text']) return [];
  const { pictures } = await readJson<OnScreenText>(inputs, 'read_text', 'file');
  return pictures.filter((picture) => picture.text !== '');
}

/** What is not known, with the reason. */
function gaps({ inputs, missing }: StepContext<Params>): string[] {
  const reason = (step: string) =>
    missing[step]?.replace(/^(?:skipped|failed): /, '') ?? 'that step is not part of this run.';
  return [
    ...(inputs['clean_transcript'] ? [] : [`What is said: ${reason('clean_transcript')}`]),
    'Who or what is seen: pictures are measured, not recognised.',
    ...(inputs['read_text'] ? [] : [`Text in the picture: ${reason('read_text')}`]),
  ];
}

interface Found {
  readonly analysis: Analysis;
  readonly speech: Speech | null;
  readonly screen: readonly ScreenText[];
}

/** The language model's part, when one is configured and there is something to summarise; why it is missing otherwise. */
async function askModel(
  { params, secrets, signal, clock, log }: StepContext<Params>,
  { analysis, speech, screen }: Found,
): Promise<{ readonly chat: ChatSummary | null; readonly fallback: string | null }> {
  const { chatUrl, chatModel, chatTokensMax } = params;
  if (chatUrl === null || chatModel === null || (speech === null && screen.length === 0))
    return { chat: null, fallback: null };
  const server = {
    url: chatUrl,
    model: chatModel,
    apiKey: secrets.chatApiKey,
    tokensMax: chatTokensMax,
    signal,
    clock,
    warn: (facts: Readonly<Record<string, unknown>>, message: string) => log.warn(facts, message),
  };
  const none: Material = {
    speech: null,
    screen: [],
    extract: { sentences: [], keyPhrases: [], title: null },
    chat: null,
    notKnown: [],
  };
  try {
    return {
      chat: await chatSummary(server, `Facts: ${summarize(analysis, none).text}`, inOrder(speech, screen)),
      fallback: null,
    };
  } catch (error) {
    if (signal.aborted) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ err: error }, 'the language model wrote no summary; taking sentences of the file instead');
    return { chat: null, fallback: `A summary by ${chatModel}: ${reason} This one is extractive.` };
  }
}

/** What was said and read, by time, each with its place. */
function inOrder(speech: Speech | null, screen: readonly ScreenText[]): string[] {
  const said = (speech?.paragraphs ?? []).map(({ start, speaker, text: words }) => ({
    start,
    line: `[${timecode(start)}]${speaker === null ? '' : ` ${speaker}`} says: ${words}`,
  }));
  const seen = screen.map(({ start, text: words }) => ({
    start,
    line: `[${timecode(start)}] on the screen: ${words.replaceAll('\n', ' / ')}`,
  }));
  return [...said, ...seen].sort((a, b) => a.start - b.start).map(({ line }) => line);
}
