/**
 * Who is writing which chunk. In-place writes need one writer per chunk at a time: a second body for the same place must be compared
 * with what the first one stored, never written over it.
 */
export interface ExtentClaims {
  /** Resolves to the claim once the caller is the only writer of the place, or to null when that took longer than `waitMs`. */
  acquire(uploadId: string, offset: number, waitMs: number): Promise<ExtentClaim | null>;
}

export interface ExtentClaim {
  /** It was taken over from a process that let it run out: one that is gone, or that stands still and may write when it goes on. */
  readonly forced: boolean;
  /** Whether nobody can have taken it over. By this process's clock; false is final. */
  isValid(): boolean;
  /** The next one finds the place in order. Again: no effect. */
  release(): Promise<void>;
  /** Leaves the place as a process that is gone does: the next one is told `forced`. */
  forfeit(): Promise<void>;
}
