/** Who delivers the steps of this node: the embedded dispatcher, or pg-boss in the database of the ledger. */
import type { Logger } from 'pino';
import type { Dispatcher } from '../pipeline/dispatch/dispatcher.ts';
import { EmbeddedDispatcher } from '../pipeline/dispatch/embedded.ts';
import { PgBossDispatcher } from '../pipeline/dispatch/pg-boss/dispatcher.ts';
import { PgBossQueue } from '../pipeline/dispatch/pg-boss/queue.ts';
import type { RunnerSettings } from '../pipeline/dispatch/settings.ts';
import { systemClock } from '../platform/system-clock.ts';

/** The part of pg-boss that the state announces due steps to; to be opened before the state, and closed after it. */
export type StepQueue = PgBossQueue;

export interface StepQueueWish {
  /** `postgres://…` of the ledger. */
  readonly url: string;
  /** The classes of the configured pipelines. */
  readonly classes: readonly string[];
  /** Whether this node runs steps: a `web` node only announces them. */
  readonly works: boolean;
  readonly log: Logger;
}

/** Rejects with `unavailable` when the database does not answer. */
export function openStepQueue(wish: StepQueueWish): Promise<StepQueue> {
  return PgBossQueue.open({ ...wish, clock: systemClock });
}

export function dispatcherOf(settings: RunnerSettings, queue: StepQueue | null): Dispatcher {
  return queue === null ? new EmbeddedDispatcher(settings) : new PgBossDispatcher({ ...settings, queue });
}
