/** What is kept of a failure. */
import type { Evidence } from '../../core/attempt-record.ts';
import { HoldfastError } from '../../core/errors.ts';
import { PermanentStepError } from '../context.ts';
import { FenceError } from '../media/fence.ts';
import type { ProgramEnd } from '../work.ts';

/** Folders of the server and what to call them instead: where things are is nobody's business, and says nothing to people. */
export type Names = readonly (readonly [path: string, name: string])[];

/** `cause` is why the runner itself stopped the step; null when it did not. */
export function evidenceOf(
  error: unknown,
  cause: 'timeout' | 'stalled' | null,
  told: { readonly program: ProgramEnd | null; readonly names: Names },
): Evidence {
  const { program, names } = told;
  // A program that ended well has nothing to do with it.
  const blamed = program !== null && program.exitCode !== 0 ? program : null;
  const stderr = names.reduce((text, [path, name]) => text.replaceAll(path, name), blamed?.stderrTail ?? '');
  return {
    errorClass: cause ?? classOf(error),
    exitCode: blamed?.exitCode ?? null,
    stderr: stderr === '' ? null : stderr,
  };
}

/** Whether the disk is full: that says nothing about the step or its file, so it is tried again as often as it takes. */
export function isOutOfSpace(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof HoldfastError && error.code === 'insufficient-storage') return true;
  return ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) || isOutOfSpace(error.cause);
}

function classOf(error: unknown): Evidence['errorClass'] {
  if (error instanceof PermanentStepError) return 'permanent';
  return error instanceof FenceError && error.kind === 'timeout' ? 'timeout' : 'transient';
}
