/** What is kept of a failure. */
import type { Evidence } from '../../core/attempt-record.ts';
import { PermanentStepError } from '../context.ts';
import { FenceError } from '../media/fence.ts';
import type { ProgramEnd } from '../work.ts';

/** `cause` is why the runner itself stopped the step; null when it did not. */
export function evidenceOf(error: unknown, cause: 'timeout' | 'stalled' | null, program: ProgramEnd | null): Evidence {
  // A program that ended well has nothing to do with it.
  const blamed = program !== null && program.exitCode !== 0 ? program : null;
  const stderr = blamed?.stderrTail ?? '';
  return {
    errorClass: cause ?? classOf(error),
    exitCode: blamed?.exitCode ?? null,
    stderr: stderr === '' ? null : stderr,
  };
}

function classOf(error: unknown): Evidence['errorClass'] {
  if (error instanceof PermanentStepError) return 'permanent';
  return error instanceof FenceError && error.kind === 'timeout' ? 'timeout' : 'transient';
}
