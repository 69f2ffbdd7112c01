/**
 * Who may append to an upload, or change what it is made of: one request at a time, in any number of processes. Reads never ask for it.
 * Whoever comes last wins: it asks the holder to let go, and waits. A conformance suite runs on every adapter.
 */
export interface UploadLocks {
  /**
   * Asks for the upload. Its holder's `letGo` is called, at once in this process and within half a second in another one. Resolves to
   *
   * - the lock, once the holder released it, or once the lease of a process that is gone has ended: then `forced`;
   * - `superseded` when a newer call in this process asked for the same upload meanwhile;
   * - `busy` when the holder neither let go within `waitMs` nor is gone. A holder that lives is never forced: what it has begun to write
   *   would land on what the next one writes.
   *
   * `letGo` is called at most once, and may be called before this resolves.
   */
  acquire(uploadId: string, wish: LockWish): Promise<UploadLock | 'busy' | 'superseded'>;
}

export interface LockWish {
  readonly waitMs: number;
  /** Somebody else wants the upload: stop, keep what there is, release. Must not throw. */
  letGo(): void;
}

export interface UploadLock {
  /** It was taken from a process that did not release it. That one may come back, and may have a write under way. */
  readonly forced: boolean;
  /** False once this process could not renew its lease in time: then nothing may be written any more. Asked before each write. */
  isValid(): boolean;
  /** Again is fine. */
  release(): Promise<void>;
  /** Lets go as if this process had gone: whoever comes next gets the lock `forced`. For when what force makes necessary could not be done. */
  forfeit(): Promise<void>;
}
