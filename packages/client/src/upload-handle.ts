import type { CompletedUpload, UploadSnapshot } from './snapshot.ts';

/** One upload, as the caller holds it. All commands may be called in any state; those that make no sense then do nothing. */
export interface UploadHandle {
  /** Unique within its client; not the server's id. */
  readonly id: string;
  /** The same object until something changed. */
  readonly snapshot: UploadSnapshot;
  /**
   * Resolves when completed; rejects with an UploadError when failed, or cancelled (code `cancelled`). `retry()` puts a new
   * promise here. Nobody has to listen.
   */
  readonly done: Promise<CompletedUpload>;
  /** Stops sending at once and tells the server; resolves when it knows (or cannot be told). Never rejects. */
  pause(): Promise<void>;
  /** Goes on after `pause()`, or after somebody else paused it. */
  resume(): void;
  /** Stops sending at once and tells nobody: for a page that goes away while another one takes over. `resume()` goes on. */
  stop(): void;
  /** Ends it and has the server free what it holds; resolves when it knows (or cannot be told). Never rejects. */
  cancel(): Promise<void>;
  /** After `failed`: goes on from what is acknowledged; from the beginning if the server has nothing. While `waiting`: tries now. */
  retry(): void;
  /** Calls back after each change, at most 10 times a second but at once for changes of state. */
  subscribe(listener: () => void): () => void;
}
