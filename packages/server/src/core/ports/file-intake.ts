/** Files of this machine that become assets without an upload. An ability of stores that share a machine with the files. */
import type { Sha256 } from '../upload.ts';
import type { FileFacts, TakePolicy } from '../watch.ts';

/** A path as bytes: not every name is well-formed text. */
export type BytePath = Uint8Array;

export interface IntakeRequest {
  /** Names what is made in the store while the file is read: lower-case letters, digits and hyphens. */
  readonly id: string;
  readonly path: BytePath;
  /** As it is expected to be. */
  readonly facts: FileFacts;
  readonly how: TakePolicy;
  /** Hears how many bytes were read so far. */
  readonly onBytes: (bytes: number) => void;
}

export interface ReadIn {
  readonly kind: 'read';
  readonly digest: Sha256;
  readonly size: number;
  readonly how: Exclude<TakePolicy, 'auto'>;
  /** Of the file after it was read: a hard link changes the ctime, nothing else may differ. */
  readonly facts: FileFacts;
  /** Makes it the asset: atomic, durable when it resolves, idempotent. Nothing to do for `in-place`. */
  place(): Promise<void>;
  /** Frees what was made in the store. Idempotent, never rejects. */
  discard(): Promise<void>;
}

export type Intake =
  | ReadIn
  /** The file is not the expected one any more, or changed while it was read. */
  | { readonly kind: 'changed'; readonly reason: string }
  /** It cannot be opened or read. */
  | { readonly kind: 'unreadable'; readonly reason: string };

export interface FileIntake {
  /** The file's facts now, links not followed; null when there is no regular file. */
  facts(path: BytePath): Promise<FileFacts | null>;
  /** The first bytes, at most `length`. Rejects with the system's error. */
  head(path: BytePath, length: number): Promise<Uint8Array>;
  /**
   * Reads the whole file in the background, into the store or past it, and compares what the file is before and after. Rejects with
   * `insufficient-storage`, `unavailable`.
   */
  read(request: IntakeRequest): Promise<Intake>;
  /**
   * Copies the first `size` bytes into a new file, in the background; the SHA-256 of what was copied. Durable when it resolves, its name
   * aside. Rejects with a system error, or `storage-damaged` when there are fewer bytes.
   */
  copy(copy: { readonly from: BytePath; readonly size: number; readonly to: BytePath }): Promise<Sha256>;
}
