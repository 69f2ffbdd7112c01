/** The kernel's monotonic clock: the same for all processes of one boot (clock_gettime(2), CLOCK_MONOTONIC). */
import type { Uptime } from '../core/ports/uptime.ts';
import { readBootId } from './boot-id.ts';
import { uuidv7 } from './uuidv7.ts';

export async function readUptime(): Promise<Uptime> {
  const boot = (await readBootId()) ?? uuidv7();
  return { now: () => Number(process.hrtime.bigint() / 1_000_000n), boot };
}
