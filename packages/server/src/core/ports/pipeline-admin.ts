/** What the API does with pipelines: show them, say what would run over the library and why, and start that. */
import type { Sha256 } from '../upload.ts';

export interface PipelineView {
  readonly name: string;
  readonly version: string;
  /** Which assets it is for, as in its definition. */
  readonly applies: Readonly<Record<string, unknown>>;
  readonly steps: readonly StepView[];
}

export interface StepView {
  readonly name: string;
  readonly version: string;
  readonly kind: 'code' | 'command';
  readonly needs: readonly string[];
  readonly wants: readonly string[];
  readonly params: Readonly<Record<string, unknown>>;
  readonly class: string;
  readonly priority: number;
  readonly attemptsMax: number;
  readonly timeoutMs: number;
}

export interface StepForecast {
  readonly name: string;
  /** `run`: there is no result under its key. `taken`: the ledger has it. `under-way`: another run does it. `stays`: it failed or was skipped under this key. */
  readonly action: 'run' | 'taken' | 'under-way' | 'stays';
  /** For people: `new`, `version 1 → 2`, `input probe changed`. */
  readonly why: string;
}

export interface RunForecast {
  readonly assetId: Sha256;
  readonly assetName: string;
  readonly pipeline: string;
  readonly pipelineVersion: string;
  readonly steps: readonly StepForecast[];
  /** Of the run that was started; null in a plan. */
  readonly runId: string | null;
}

/** Which part of the library. */
export interface Selection {
  readonly assetId?: Sha256;
  /** Only assets that came in first at or after this time. */
  readonly since?: number;
  readonly pipeline?: string;
  readonly limit: number;
  /** From the page before. */
  readonly cursor?: string;
}

export interface ForecastPage {
  /** Only runs with a step to run. */
  readonly items: readonly RunForecast[];
  /** Assets that this page has looked at. */
  readonly looked: number;
  /** Null on the last page. */
  readonly cursor: string | null;
}

/** A definition file that the server does not have. */
export interface CandidateFile {
  readonly name: string;
  readonly text: string;
}

export interface PipelineAdmin {
  pipelines(): readonly PipelineView[];
  /**
   * What would run, by the server's pipelines or by those of the files. Starts nothing. Rejects with `asset-not-found`, or with
   * `invalid-request` for a pipeline that is not there and for files with mistakes (all of them, in the message and in the details).
   */
  plan(selection: Selection, files: readonly CandidateFile[] | null): Promise<ForecastPage>;
  /** Starts what `plan` says for the server's pipelines. Safe to repeat: what was started is not started again. */
  apply(selection: Selection): Promise<ForecastPage>;
}
