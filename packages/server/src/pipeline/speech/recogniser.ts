/** What recognisers of speech have in common. Which one runs, and with which model, is part of the step's parameters, so of its key. */
import type { Clock } from '../../core/ports/clock.ts';
import type { ReadyTools } from '../media/tools.ts';
import type { Heard } from './transcript.ts';

export const speechEngines = ['none', 'pocketsphinx', 'command', 'openai', 'sherpa-onnx'] as const;
export type SpeechEngine = (typeof speechEngines)[number];

export const commandOutputs = ['json', 'vtt', 'srt', 'txt'] as const;
export type CommandOutput = (typeof commandOutputs)[number];

/** The parameters of `transcribe`, as the configuration resolves them. No secrets: they are stored and shown. */
export interface RecogniserParams {
  readonly engine: SpeechEngine;
  /** A name, or the path of a model's file or folder, as the engine wants it. */
  readonly model: string | null;
  /** BCP 47; null lets the engine find out. */
  readonly language: string | null;
  /** Base address of a server that speaks OpenAI's API, up to and with `/v1`. */
  readonly url: string | null;
  /** The program and its arguments, with places for `{input}`, `{output}`, `{model}`, `{language}`. */
  readonly command: readonly string[];
  readonly commandOutput: CommandOutput;
  /** Longest stretch that is recognised at once; 0: what suits the engine. */
  readonly chunkSeconds: number;
}

export interface RecogniserContext {
  readonly params: RecogniserParams;
  readonly tools: ReadyTools;
  /** An empty folder. */
  readonly scratch: string;
  readonly apiKey: string | null;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** For one stretch. */
  readonly timeoutMs: number;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** A stretch of speech: WAV, 16 kHz, mono, 16 bit. */
export interface Stretch {
  readonly file: string;
  readonly seconds: number;
}

export interface Recogniser extends AsyncDisposable {
  readonly engineVersion: string;
  readonly grade: 'draft' | 'full';
  readonly punctuated: boolean;
  /** What suits the engine. */
  readonly chunkSeconds: number;
  /** Rejects with `PermanentStepError` when trying again would give the same. */
  recognise(stretch: Stretch): Promise<Heard>;
}
