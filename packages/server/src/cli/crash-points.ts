/** Lets the crash tests kill the process at a named point: HOLDFAST_TEST_CRASH_AT=<name>[:<nth time>]. */
import { type CrashPoints, crashPointNames, noCrashPoints } from '../core/ports/crash-points.ts';

export const crashVariable = 'HOLDFAST_TEST_CRASH_AT';

export function crashPointsFromEnvironment(env: Readonly<Record<string, string | undefined>>): CrashPoints {
  const wish = env[crashVariable];
  if (wish === undefined || wish === '') return noCrashPoints;
  const match = /^([a-z]+:[a-z-]+)(?::(\d+))?$/.exec(wish);
  const name = crashPointNames.find((known) => known === match?.[1]);
  if (!name) throw new Error(`${crashVariable} names no crash point: ${wish}`);
  let left = Number(match?.[2] ?? 1);
  return (reached) => {
    if (reached !== name) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
