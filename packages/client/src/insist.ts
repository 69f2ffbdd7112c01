/** A request until it gets through: in its turn, through the gate, again where that can help. */
import { backoffMs } from './backoff.ts';
import type { ConnectionSlots } from './connection-slots.ts';
import { remedyFor } from './remedy.ts';
import type { Runtime } from './runtime.ts';
import type { ServerGate } from './server-gate.ts';
import { sleep } from './sleep.ts';
import { UploadError } from './upload-error.ts';
import type { UploadRecord } from './upload-record.ts';

export interface Insistence {
  readonly runtime: Runtime;
  readonly gate: ServerGate;
  readonly slots: ConnectionSlots;
  /** Place in the queue for a slot. */
  readonly order: number;
  readonly record: UploadRecord;
  readonly signal: AbortSignal;
}

/**
 * @throws UploadError when waiting and repeating cannot help (any more), or when the state of the upload has to be asked for
 *   (`remedyFor` says `ask`); the signal's reason.
 */
export async function insist<T>(how: Insistence, attempt: () => Promise<T>): Promise<T> {
  const { runtime, gate, slots, order, record, signal } = how;
  for (let failures = 0; ; ) {
    let startedAt = 0;
    try {
      return await slots.use(order, signal, async () => {
        await gate.pass(signal);
        startedAt = runtime.now();
        const ended = record.requestStarted();
        try {
          const result = await attempt();
          gate.succeeded(startedAt);
          return result;
        } finally {
          ended();
        }
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!(error instanceof UploadError)) throw error;
      const remedy = remedyFor(error);
      if (remedy.kind === 'wait') {
        if (!gate.failed(error, remedy.reason, startedAt)) throw error;
        continue;
      }
      if (error.status !== undefined) gate.answered();
      if (remedy.kind === 'again') {
        failures += 1;
        if (failures >= remedy.attemptsMax) throw error;
        await retryPause(how, error, failures);
      } else throw error;
    }
  }
}

async function retryPause(
  { runtime, record, signal }: Insistence,
  error: UploadError,
  failures: number,
): Promise<void> {
  const ms = backoffMs({ failures, retryAfterMs: error.retryAfterMs, random: runtime.random() });
  const over = record.retryScheduled(runtime.now() + ms);
  try {
    await sleep(runtime, ms, signal);
  } finally {
    over();
  }
}
