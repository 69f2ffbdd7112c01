/** Whether this machine can start a program without a network: a namespace of its own, in which not even the loopback is up. */
import type { Clock } from '../../core/ports/clock.ts';
import { runFenced } from './fence.ts';

const askTimeoutMs = 10_000;

export interface NetworkFenceQuestion {
  /** Path of `unshare` (util-linux). */
  readonly unshare: string;
  /** A program that answers to `-version` with exit code 0. */
  readonly program: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * The command to put before a program; null where the kernel (or a container) allows none. An administrator needs no user namespace, and
 * without one keeps the right to read files of other users.
 */
export async function networkFence(question: NetworkFenceQuestion): Promise<readonly string[] | null> {
  const { unshare, program, clock, signal } = question;
  for (const options of [['--net'], ['--user', '--map-current-user', '--net']]) {
    const isolation = [unshare, ...options, '--'];
    const run = {
      command: program,
      args: ['-version'],
      isolation,
      clock,
      signal,
      timeoutMs: askTimeoutMs,
      outputs: [],
    };
    const exit = await runFenced(run).catch(() => null);
    if (exit?.code === 0) return isolation;
  }
  return null;
}
