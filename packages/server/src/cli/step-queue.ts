/** Who delivers the steps of this node: the embedded dispatcher, or pg-boss in the database of the ledger. */
import type { Logger } from 'pino';
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Dispatcher } from '../pipeline/dispatch/dispatcher.ts';
import { EmbeddedDispatcher } from '../pipeline/dispatch/embedded.ts';
import { PgBossDispatcher } from '../pipeline/dispatch/pg-boss/dispatcher.ts';
import { PgBossQueue } from '../pipeline/dispatch/pg-boss/queue.ts';
import type { RunnerSettings } from '../pipeline/dispatch/settings.ts';
import { systemClock } from '../platform/system-clock.ts';
import { ledgerUrl } from './open-state.ts';

/** The part of pg-boss that the state announces due steps to; to be opened before the state, and closed after it. */
export type StepQueue = PgBossQueue;

export interface StepQueueWish {
  readonly config: Pick<Config, 'dispatcher' | 'state' | 'ledger' | 'role' | 'pipeline'>;
  /** The classes of the configured pipelines. */
  readonly classes: readonly string[];
  readonly log: Logger;
}

/**
 * Null where each node looks for due steps itself. A node that runs no steps announces them all the same. Rejects with `unavailable` when
 * the database does not answer, and with `invalid-request` where there is none.
 */
export async function openStepQueue({ config, classes, log }: StepQueueWish): Promise<StepQueue | null> {
  if (config.dispatcher === 'embedded') return null;
  const url = ledgerUrl(config);
  if (url === null)
    throw new HoldfastError(
      'invalid-request',
      'The dispatcher pg-boss needs PostgreSQL: start with --state postgres://…, or with --state redis://… and --ledger postgres://…, or leave the dispatcher embedded.',
    );
  const works = config.pipeline && config.role !== 'web';
  return await PgBossQueue.open({ url, classes, works, clock: systemClock, log });
}

export function dispatcherOf(settings: RunnerSettings, queue: StepQueue | null): Dispatcher {
  return queue === null ? new EmbeddedDispatcher(settings) : new PgBossDispatcher({ ...settings, queue });
}
