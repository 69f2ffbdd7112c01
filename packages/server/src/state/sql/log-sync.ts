/**
 * Makes SQLite's log durable in a thread of the pool. With `synchronous=FULL` SQLite does that inside of COMMIT, and the event loop stands
 * still for as long as the disk takes; what it does there is the same call on the same file.
 */
import { closeSync, fdatasync, openSync } from 'node:fs';
import { HoldfastError } from '../../core/errors.ts';
import { JointTask } from '../../platform/joint-task.ts';

export class LogSync {
  readonly #file: string;
  readonly #task = new JointTask(() => this.#sync());
  #fd: number | null = null;
  #failure: HoldfastError | null = null;

  /** `file`: the log of the database, which exists once something was committed and as long as a connection is open. */
  constructor(file: string) {
    this.#file = file;
  }

  /** What was committed before is durable once this resolves. After a failure every call rejects with `unavailable`. */
  run(): Promise<void> {
    return this.#task.run();
  }

  /** Throws what every call rejects with since a sync has failed: nobody can tell what of the log is on disk, so nothing more may be promised. */
  assertSound(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Only when no sync is under way. Closing the log takes no lock away: SQLite has none on it. */
  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (cause: unknown) => {
        this.#failure ??= new HoldfastError(
          'unavailable',
          'The disk failed to sync the log of the database. Check the disk, then restart the server.',
          { cause },
        );
        reject(this.#failure);
      };
      try {
        this.assertSound();
        this.#fd ??= openSync(this.#file, 'r+');
        fdatasync(this.#fd, (error) => (error ? failed(error) : resolve()));
      } catch (error) {
        failed(error);
      }
    });
  }
}
