/** What a step gets to work with and what it gives back. */
import type { Asset } from '../core/asset.ts';
import { splitExtension } from '../core/filename.ts';
import type { Artifact, Lack } from '../core/ledger.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Sha256 } from '../core/upload.ts';
import type { MediaTools, MissingTools } from './media/tools.ts';

/** Facts first, then the sentence: pino's order. */
export interface StepLog {
  info(facts: Readonly<Record<string, unknown>>, message: string): void;
  warn(facts: Readonly<Record<string, unknown>>, message: string): void;
  error(facts: Readonly<Record<string, unknown>>, message: string): void;
}

/** The result of a step that this one needs. */
export interface StepInput {
  readonly output: Readonly<Record<string, unknown>>;
  readonly artifacts: readonly Artifact[];
  /** Local path of one of its artifacts, there until the step ends; rejects when it has none of that name. */
  artifactPath(name: string): Promise<string>;
}

export interface StepContext<P = Readonly<Record<string, unknown>>> {
  readonly asset: Asset;
  /** Display name of the asset, made safe; artifact names derive from it. */
  readonly assetName: string;
  /** The asset's bytes, to be read only. */
  readonly assetPath: string;
  /** Results of the steps that it needs, and of those it wants that succeeded, by step name. */
  readonly inputs: Readonly<Record<string, StepInput>>;
  /** Why a step that it wants left nothing, by step name: `failed: no such model`, `not part of this run`. */
  readonly missing: Readonly<Record<string, string>>;
  /** An empty folder of this attempt; files of the result are taken from here. */
  readonly scratch: string;
  readonly params: P;
  /** Fires when the lease is lost, the time is up or the server stops: let go at once, with all child processes dead. */
  readonly signal: AbortSignal;
  /** Milliseconds left for this attempt when it started. */
  readonly timeoutMs: number;
  /** 0 … 1. Cheap; written down with the next heartbeat. */
  progress(fraction: number): void;
  readonly log: StepLog;
  readonly tools: MediaTools;
  readonly secrets: StepSecrets;
  readonly clock: Clock;
}

/** What steps need and what must not be in their parameters, which are stored and shown. */
export interface StepSecrets {
  readonly speechApiKey: string | null;
  readonly chatApiKey: string | null;
}

export const noSecrets: StepSecrets = { speechApiKey: null, chatApiKey: null };

/** Which engine made a result, from what: part of every output, so that a result can be judged and repeated. */
export interface Provenance {
  readonly engine: string;
  readonly engineVersion: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly inputSha256: Sha256;
}

export interface ResultFile {
  /** Name in the scratch folder and of the artifact. */
  readonly name: string;
  readonly contentType: string;
}

export type StepResult =
  | {
      readonly kind: 'done';
      readonly output: Provenance & Readonly<Record<string, unknown>>;
      readonly files: readonly ResultFile[];
    }
  /** Cannot be done here (an engine is missing, nothing of that sort in the file): never invented content. */
  | { readonly kind: 'skipped'; readonly reason: string; readonly lacks?: Lack };

/** For a step that needs media tools where there are none. */
export function withoutTools({ reason }: MissingTools): StepResult & { kind: 'skipped' } {
  return { kind: 'skipped', reason, lacks: 'media-tools' };
}

/** The input is at fault: trying again gives the same. The message is for people. Anything else that a step throws is retried. */
export class PermanentStepError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PermanentStepError';
  }
}

const stemBytesMax = 180;

/** The asset's name without its extension, in characters that artifact names may have: `talk.v2.mp4` → `talk.v2`. */
export function artifactStem(assetName: string): string {
  const stem = splitExtension(assetName.normalize('NFC'))
    .stem.replace(/^\.+/, '')
    .replace(/[^\p{L}\p{M}\p{N}._ -]+/gu, '_')
    .replace(/^[^\p{L}\p{N}_]+/u, '')
    .trim();
  let short = '';
  for (const character of stem) {
    if (Buffer.byteLength(short + character) > stemBytesMax || short.length >= 120) break;
    short += character;
  }
  return short === '' ? 'asset' : short;
}
