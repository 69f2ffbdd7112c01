/** Waiting for uploads to end, in this process or another one. */
import { EventEmitter } from 'node:events';
import type { Upload } from '../core/upload.ts';
import type { UploadDependencies } from './dependencies.ts';

/** Between two looks at what another process may have done. The first come soon: most uploads end at once. */
const lookMsMin = 20;
const lookMsMax = 500;

export class Endings {
  readonly #deps: Pick<UploadDependencies, 'store' | 'clock'>;
  readonly #events = new EventEmitter().setMaxListeners(0);

  constructor(deps: Pick<UploadDependencies, 'store' | 'clock'>) {
    this.#deps = deps;
  }

  /** An upload has ended in this process. */
  tell(uploadId: string): void {
    this.#events.emit(uploadId);
  }

  /** The upload once it is in a final phase (or back in receiving), or as it is when the time is up. */
  async until(upload: Upload, waitMs: number): Promise<Upload> {
    const { store, clock } = this.#deps;
    const deadline = clock.now() + waitMs;
    let current = upload;
    let wait = lookMsMin;
    while (isFinishing(current) && clock.now() < deadline) {
      await this.#next(upload.id, Math.min(wait, Math.max(1, deadline - clock.now())));
      wait = Math.min(2 * wait, lookMsMax);
      current = (await store.find(upload.id)) ?? current;
    }
    return current;
  }

  /** Resolves when the upload ends in this process, or after `ms`: another process may be finishing it. */
  #next(id: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#events.off(id, done);
        resolve();
      };
      const cancel = this.#deps.clock.after(ms, done);
      this.#events.on(id, done);
    });
  }
}

export function isFinishing(upload: Upload): boolean {
  return upload.phase.name === 'validating' || upload.phase.name === 'assembling';
}
