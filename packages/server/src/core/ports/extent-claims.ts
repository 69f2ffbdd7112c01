/**
 * Who is writing which chunk. In-place writes need one writer per chunk at a time: a second body for the same place must be compared
 * with what the first one stored, never written over it.
 */
export interface ExtentClaims {
  /** Resolves to a release function once the caller is the only writer of the place, or to null when that took longer than `waitMs`. */
  acquire(uploadId: string, offset: number, waitMs: number): Promise<(() => Promise<void>) | null>;
}
