/** What the hash pool and its workers say to each other. */
import type { DigestAlgorithm } from '../../core/digest.ts';

/** Bytes read and hashed in one go: what is read is still in the core's cache when it is hashed and checked. */
export const hashStepBytes = 256 * 1024;

export type HashRequest =
  /** Hash the file as far as `upTo` and keep the running state. */
  | { readonly type: 'follow'; readonly id: string; readonly path: string; readonly upTo: number }
  /** The SHA-256 of the first `size` bytes, from the running state if there is one. */
  | { readonly type: 'digest'; readonly job: number; readonly id: string; readonly path: string; readonly size: number }
  /** A digest of the first `size` bytes of a file, read from its start, without a state. */
  | {
      readonly type: 'file';
      readonly job: number;
      /** Bytes where a name is no well-formed text. */
      readonly path: string | Uint8Array;
      readonly size: number;
      readonly algorithm: DigestAlgorithm;
      /** Whether somebody waits for it, as for an upload that is being finished. */
      readonly awaited: boolean;
    }
  /** Copies the sources behind each other into the file; the SHA-256 of them all. A source that is null is in the file already. */
  | {
      readonly type: 'join';
      readonly job: number;
      readonly path: string | Uint8Array;
      readonly sources: readonly JoinSource[];
    }
  | { readonly type: 'forget'; readonly id: string };

export interface JoinSource {
  readonly path: string | Uint8Array | null;
  readonly size: number;
}

export type HashReply =
  | { readonly type: 'followed'; readonly id: string }
  | { readonly type: 'progress'; readonly job: number; readonly bytes: number }
  | { readonly type: 'done'; readonly job: number; readonly digest: string; readonly crc32: number }
  /** `code`: errno name, or `short` when the file has fewer bytes than were asked for. */
  | { readonly type: 'failed'; readonly job: number; readonly code: string; readonly message: string };
