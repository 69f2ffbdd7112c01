/** The uploads that a page has begun, in the order in which it did. The handles stay the truth of each; here is only the list. */
import type { AddOptions, UploadClient } from '../upload-client.ts';
import type { UploadHandle } from '../upload-handle.ts';
import type { UploadSource } from '../upload-source.ts';
import { Listeners, type Watchable } from '../watchable.ts';
import { isLive } from './uploader-state.ts';

export class UploadList implements Watchable<readonly UploadHandle[]> {
  readonly #client: () => UploadClient;
  readonly #listeners = new Listeners();
  #handles: readonly UploadHandle[] = [];

  constructor(client: () => UploadClient) {
    this.#client = client;
  }

  get snapshot(): readonly UploadHandle[] {
    return this.#handles;
  }

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  readonly add = (source: UploadSource | Blob, options?: AddOptions): UploadHandle => {
    const handle = this.#client().add(source, options);
    this.#set([...this.#handles, handle]);
    return handle;
  };

  /** Takes it off the list; cancels it first if it is not over. */
  readonly remove = (handle: UploadHandle): void => {
    if (isLive(handle.snapshot.state)) void handle.cancel();
    this.#set(this.#handles.filter((one) => one !== handle));
  };

  /** Those that are completed or cancelled; failed ones can still be retried. */
  readonly removeFinished = (): void => {
    this.#set(this.#handles.filter(({ snapshot: { state } }) => state !== 'completed' && state !== 'cancelled'));
  };

  #set(handles: readonly UploadHandle[]): void {
    this.#handles = handles;
    this.#listeners.call();
  }
}
