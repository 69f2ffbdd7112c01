/**
 * Which engines this machine and its configuration have for the steps that recognise and write. Decided before a run is planned, because
 * engine and model are part of a step's key: another engine makes that step, and what depends on it, be done again, and nothing else.
 */
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import type { Pipeline } from '../definition.ts';
import { definePipeline } from '../definition.ts';
import type { CommandOutput, RecogniserParams, SpeechEngine } from '../speech/recogniser.ts';
import { sherpaVersion } from '../speech/sherpa.ts';
import { vadModelPath } from '../speech/vad-model.ts';
import type { EngineFinding } from './finding.ts';
import { type TextSettings, textChoice } from './text-choice.ts';

/** The configuration's part of it; the names are those of the settings. */
export interface EngineSettings extends TextSettings {
  readonly speechEngine: SpeechEngine | 'auto';
  readonly speechModel?: string;
  readonly speechLanguage?: string;
  readonly speechUrl?: string;
  readonly speechCommand: readonly string[];
  readonly speechCommandOutput: CommandOutput;
  readonly speechChunkSeconds: number;
  readonly punctuationModel?: string;
  readonly speakers: number;
  readonly speakerSegmentationModel?: string;
  readonly speakerEmbeddingModel?: string;
  readonly chatUrl?: string;
  readonly chatModel?: string;
  readonly chatTokensMax: number;
}

export interface EngineChoice {
  /** Parameters by step name; they replace those of the definition. */
  readonly params: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** For `doctor`. */
  readonly findings: readonly EngineFinding[];
}

/** Looks for programs on `searchPath`, an environment's PATH. Rejects with `invalid-request` when settings contradict each other. */
export async function chooseEngines(settings: EngineSettings, searchPath: string): Promise<EngineChoice> {
  const speech = await speechChoice(settings, searchPath);
  const text = textChoice(settings);
  const chat = chatChoice(settings);
  const { speakers, speakerSegmentationModel, speakerEmbeddingModel, punctuationModel } = settings;
  if ((speakerSegmentationModel === undefined) !== (speakerEmbeddingModel === undefined))
    throw refused('speakerSegmentationModel and speakerEmbeddingModel belong together; set both or none.');
  return {
    params: {
      transcribe: { ...speech.params },
      diarize: {
        speakers,
        segmentationModel: speakerSegmentationModel ?? null,
        embeddingModel: speakerEmbeddingModel ?? null,
      },
      clean_transcript: { punctuationModel: punctuationModel ?? null },
      read_text: { engine: text.engine, language: settings.textLanguage },
      summarize_scene: chat.params,
    },
    findings: [activityFinding(), speech.finding, speakersFinding(settings), text.finding, chat.finding],
  };
}

/** The pipeline with these engines. Parameters that a definition does not know are left out. */
export function withEngines(pipeline: Pipeline, { params }: Pick<EngineChoice, 'params'>): Pipeline {
  return definePipeline({
    ...pipeline,
    steps: pipeline.steps.map((step) => {
      const chosen = Object.entries(params[step.name] ?? {}).filter(([name]) => name in step.params);
      return { ...step, params: { ...step.params, ...Object.fromEntries(chosen) } };
    }),
  });
}

const programs = { pocketsphinx: 'pocketsphinx_continuous' } as const;
const pocketsphinxModels = ['/usr/share/pocketsphinx/model/en-us', '/usr/local/share/pocketsphinx/model/en-us'];
const speechAdvice =
  'speech is not transcribed; apt install pocketsphinx pocketsphinx-en-us (English drafts), or set speechCommand (whisper.cpp), speechUrl (a server) or speechModel (a sherpa-onnx model folder): docs/speech.md';

async function speechChoice(
  settings: EngineSettings,
  searchPath: string,
): Promise<{ readonly params: RecogniserParams; readonly finding: EngineFinding }> {
  const base: RecogniserParams = {
    engine: 'none',
    model: settings.speechModel ?? null,
    language: settings.speechLanguage ?? null,
    url: settings.speechUrl ?? null,
    command: settings.speechCommand,
    commandOutput: settings.speechCommandOutput,
    chunkSeconds: settings.speechChunkSeconds,
  };
  const engine = settings.speechEngine === 'auto' ? wished(settings) : settings.speechEngine;
  const ready = (found: string) => ({ subject: 'speech engine', ready: true, found, advice: null });
  const lacking = (found: string, advice: string) => ({ subject: 'speech engine', ready: false, found, advice });
  switch (engine) {
    case 'none':
      return { params: { ...base, engine }, finding: lacking('switched off', speechAdvice) };
    case 'openai': {
      if (base.url === null) throw refused('speechEngine "openai" needs speechUrl, such as http://localhost:8000/v1.');
      checkUrl('speechUrl', base.url);
      const params = { ...base, engine, command: [] };
      return { params, finding: ready(`server ${new URL(base.url).host}, model ${base.model ?? 'whisper-1'}`) };
    }
    case 'command': {
      const [name] = base.command;
      if (name === undefined)
        throw refused('speechEngine "command" needs speechCommand, a list of program and arguments.');
      const program = await onPath(name, searchPath);
      const params = { ...base, engine, url: null, command: [program ?? name, ...base.command.slice(1)] };
      if (program === null)
        return {
          params,
          finding: lacking(`the program ${name} was not found`, 'install it, or name it by its path in speechCommand'),
        };
      return { params, finding: ready(`command ${program}, output ${base.commandOutput}`) };
    }
    case 'sherpa-onnx': {
      if (base.model === null) throw refused('speechEngine "sherpa-onnx" needs speechModel, the folder of a model.');
      const params = { ...base, engine, url: null, command: [], model: path.resolve(base.model) };
      if (sherpaVersion() === null)
        return { params, finding: lacking('sherpa-onnx-node is not installed', 'npm install sherpa-onnx-node') };
      const there = await readdir(params.model).then(
        () => true,
        () => false,
      );
      if (!there)
        return {
          params,
          finding: lacking(`the folder ${params.model} cannot be read`, 'unpack a model there: docs/speech.md'),
        };
      return { params, finding: ready(`sherpa-onnx ${sherpaVersion()} with ${params.model}`) };
    }
    case 'pocketsphinx':
    case null: {
      const program = await onPath(programs.pocketsphinx, searchPath);
      const model =
        engine === null ? await firstThere(pocketsphinxModels) : (base.model ?? (await firstThere(pocketsphinxModels)));
      if (program === null || model === null) {
        const found = program === null ? 'none is set up' : 'pocketsphinx is there, its English model is not';
        return { params: { ...base, engine: engine ?? 'none' }, finding: lacking(found, speechAdvice) };
      }
      const params = { ...base, engine: 'pocketsphinx' as const, url: null, command: [program], model };
      return { params, finding: ready(`${program}: drafts of clear English speech; docs/speech.md names better ones`) };
    }
  }
}

/** What the settings ask for without naming it; null when they ask for nothing. */
function wished({ speechUrl, speechCommand, speechModel }: EngineSettings): SpeechEngine | null {
  if (speechUrl !== undefined) return 'openai';
  if (speechCommand.length > 0) return 'command';
  return speechModel === undefined ? null : 'sherpa-onnx';
}

function activityFinding(): EngineFinding {
  const [version, model] = [sherpaVersion(), vadModelPath()];
  if (version !== null && model !== null)
    return { subject: 'voice activity', ready: true, found: `Silero 5 by sherpa-onnx ${version}`, advice: null };
  const found = version === null ? 'sherpa-onnx-node is not installed' : 'the model is not there';
  const advice =
    'speech is found by loudness, which noise misleads; npm install sherpa-onnx-node (prebuilt for common systems)';
  return { subject: 'voice activity', ready: false, found, advice };
}

function speakersFinding({ speakerSegmentationModel, speakerEmbeddingModel }: EngineSettings): EngineFinding {
  const models = speakerSegmentationModel !== undefined && speakerEmbeddingModel !== undefined;
  const found = models ? 'sherpa-onnx with the models of the configuration' : 'own grouping of voices, experimental';
  return { subject: 'speakers', ready: true, found, advice: null };
}

function chatChoice(settings: EngineSettings): {
  readonly params: Readonly<Record<string, unknown>>;
  readonly finding: EngineFinding;
} {
  const { chatUrl, chatModel, chatTokensMax } = settings;
  const subject = 'summaries';
  if (chatUrl === undefined) {
    if (chatModel !== undefined)
      throw refused('chatModel needs chatUrl, the address of the server that has the model.');
    const advice = 'chatUrl and chatModel let a language model write them: docs/speech.md';
    return {
      params: { chatUrl: null, chatModel: null, chatTokensMax },
      finding: { subject, ready: true, found: 'extractive: sentences and key phrases of the file itself', advice },
    };
  }
  checkUrl('chatUrl', chatUrl);
  if (chatModel === undefined) throw refused('chatUrl needs chatModel, the name of the model on that server.');
  return {
    params: { chatUrl, chatModel, chatTokensMax },
    finding: { subject, ready: true, found: `model ${chatModel} on ${new URL(chatUrl).host}`, advice: null },
  };
}

/** Addresses are stored with results and shown: they must not carry a secret. */
function checkUrl(setting: string, text: string): void {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    throw refused(`${setting} is not an address such as http://localhost:8000/v1.`);
  if (url.username !== '' || url.password !== '' || url.search !== '')
    throw refused(`${setting} must not carry credentials or a query; put the key into the setting for it.`);
}

async function onPath(name: string, searchPath: string): Promise<string | null> {
  const folders = searchPath.split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  const candidates = name.includes('/') ? [path.resolve(name)] : folders.map((folder) => path.join(folder, name));
  for (const candidate of candidates) {
    const runs = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return candidate;
  }
  return null;
}

async function firstThere(folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    const there = await access(path.join(folder, 'en-us.lm.bin')).then(
      () => true,
      () => false,
    );
    if (there) return folder;
  }
  return null;
}

function refused(message: string): HoldfastError {
  return new HoldfastError('invalid-request', message);
}
