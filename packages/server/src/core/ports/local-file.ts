/** A file of a store as local tools can read it. */
export interface LocalFile {
  /** To be read only, and not after `release`. */
  readonly path: string;
  /** It may go away from here on. Again is fine; never rejects. */
  release(): Promise<void>;
}

/** For files that are where they are anyway. */
export function standingFile(path: string): LocalFile {
  return { path, release: async () => {} };
}
