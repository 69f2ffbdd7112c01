/** What an errno means to the callers of a store. */
import { HoldfastError } from '../../core/errors.ts';

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
/** The thing at the path is gone, or is not what we put there. */
const foreign = new Set(['ENOENT', 'ELOOP', 'EISDIR', 'ENOTDIR', 'ENXIO', 'EMLINK']);

/** The errno name of a system error, or null for anything else. */
export function errnoOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** The HoldfastError for a failure of `doing` (said to people, without paths). HoldfastErrors and broken invariants pass unchanged. */
export function storeError(doing: string, error: unknown): unknown {
  if (error instanceof HoldfastError) return error;
  const code = errnoOf(error);
  if (code === null) return error;
  if (full.has(code)) return new HoldfastError('insufficient-storage', `No room while ${doing}`, { cause: error });
  if (foreign.has(code))
    return new HoldfastError('storage-damaged', `Missing or foreign file while ${doing}`, { cause: error });
  return new HoldfastError('unavailable', `The disk failed (${code}) while ${doing}`, { cause: error });
}

/** Runs `work` and turns its system errors into HoldfastErrors. */
export async function translated<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(doing, error);
  }
}
