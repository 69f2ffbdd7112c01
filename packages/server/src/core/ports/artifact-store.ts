/** Files that steps produced. */
import type { Readable } from 'node:stream';
import type { Artifact } from '../ledger.ts';
import type { LocalFile } from './local-file.ts';

export interface ArtifactStore {
  /** An empty folder for one attempt of a step; what was in it from a broken attempt is removed. */
  scratch(stepKey: string, fence: number): Promise<string>;
  /**
   * Takes the named files of the scratch folder over: durable when it resolves, replacing what an earlier attempt published.
   * Names are checked (no separators, no dots first). Computes size and SHA-256.
   */
  publish(
    stepKey: string,
    scratch: string,
    files: readonly { readonly name: string; readonly contentType: string }[],
  ): Promise<Artifact[]>;
  /** Removes the scratch folder. Idempotent, never rejects. */
  clean(scratch: string): Promise<void>;
  /** A published artifact as a file that local tools can read. Where it is not there this rejects, or reading it does. */
  localFile(artifact: Artifact): Promise<LocalFile>;
  read(artifact: Artifact, range?: { readonly start: number; readonly end: number }): Promise<Readable>;
  /** Removes everything that was published under the step's key. Idempotent. */
  remove(stepKey: string): Promise<void>;
  /** Whether the stored file has the recorded size and digest. */
  check(artifact: Artifact): Promise<'intact' | 'missing' | 'damaged'>;
}
