/**
 * Lets the crash tests kill the process at a named point: HOLDFAST_TEST_CRASH_AT=<name>[@<subject>][:<nth time>]. Or one of several processes, while
 * they run: with file:<path> that is read from the file, each time that a process comes by a point, and the one that dies takes the file away.
 */
import { readFileSync, renameSync } from 'node:fs';
import { type CrashPoints, crashPointNames, noCrashPoints } from '../core/ports/crash-points.ts';

export const crashVariable = 'HOLDFAST_TEST_CRASH_AT';

export function crashPointsFromEnvironment(env: Readonly<Record<string, string | undefined>>): CrashPoints {
  const wish = env[crashVariable];
  if (wish === undefined || wish === '') return noCrashPoints;
  if (wish.startsWith('file:')) return crashPointsFromFile(wish.slice('file:'.length));
  const isDue = crashAt(wish);
  return (reached, subject) => {
    if (isDue(reached, subject)) die();
  };
}

/** Whether it is time to die, asked at each point that the process comes by. */
function crashAt(wish: string): (...at: Parameters<CrashPoints>) => boolean {
  const match = /^([a-z]+:[a-z-]+)(?:@([a-z_]+))?(?::(\d+))?$/.exec(wish);
  const name = crashPointNames.find((known) => known === match?.[1]);
  if (!name) throw new Error(`${crashVariable} names no crash point: ${wish}`);
  let left = Number(match?.[3] ?? 1);
  const wanted = match?.[2];
  return (reached, subject) => {
    if (reached !== name || (wanted !== undefined && subject !== wanted)) return false;
    left -= 1;
    return left === 0;
  };
}

function crashPointsFromFile(file: string): CrashPoints {
  let wish = '';
  let isDue = (..._at: Parameters<CrashPoints>): boolean => false;
  return (reached, subject) => {
    try {
      const now = readFileSync(file, 'utf8');
      if (now !== wish) isDue = crashAt(now);
      wish = now;
      if (!isDue(reached, subject)) return;
      renameSync(file, `${file}.done`);
    } catch (error) {
      // Nobody has to die, or another one did.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    die();
  };
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
