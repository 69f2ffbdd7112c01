/** Tells whoever delivers steps what a transaction made due, inside that transaction. */
import type pg from 'pg';
import type { DueStep, DueSteps } from '../../core/ports/due-steps.ts';
import { isConnectionLoss, isRetryable } from './postgres-errors.ts';

/**
 * In the order of the keys, so that two transactions that announce the same steps cannot wait for each other. Rejects only when the
 * transaction itself is lost: a message is worth less than the result that it tells of.
 */
export async function announce(client: pg.PoolClient, to: DueSteps, due: readonly DueStep[]): Promise<void> {
  if (due.length === 0) return;
  // The last word counts when a transaction moved a step twice.
  const steps = [...new Map(due.map((step) => [step.key, step])).values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  await client.query('savepoint announcing');
  try {
    await to.announce(steps, async (sql, values) => (await client.query({ text: sql, values: [...values] })).rows);
    await client.query('release savepoint announcing');
  } catch (error) {
    if (isRetryable(error) || isConnectionLoss(error)) throw error;
    await client.query('rollback to savepoint announcing');
  }
}
