/** Lets the crash tests kill the process at a named point: HOLDFAST_TEST_CRASH_AT=<name>[@<subject>][:<nth time>]. */
import { type CrashPoints, crashPointNames, noCrashPoints } from '../core/ports/crash-points.ts';

export const crashVariable = 'HOLDFAST_TEST_CRASH_AT';

export function crashPointsFromEnvironment(env: Readonly<Record<string, string | undefined>>): CrashPoints {
  const wish = env[crashVariable];
  if (wish === undefined || wish === '') return noCrashPoints;
  const match = /^([a-z]+:[a-z-]+)(?:@([a-z_]+))?(?::(\d+))?$/.exec(wish);
  const name = crashPointNames.find((known) => known === match?.[1]);
  if (!name) throw new Error(`${crashVariable} names no crash point: ${wish}`);
  let left = Number(match?.[3] ?? 1);
  const wanted = match?.[2];
  return (reached, subject) => {
    if (reached !== name || (wanted !== undefined && subject !== wanted)) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
