/** The order in which the segments of one body are recorded. */
import { HoldfastError } from '../core/errors.ts';
import type { InterruptibleBody } from '../core/ports/body-source.ts';
import type { Upload } from '../core/upload.ts';

/** Records one segment while the next one is written. One that is refused ends the body. */
export class SegmentRecords {
  readonly #body: InterruptibleBody;
  #running: Promise<Upload | null> = Promise.resolve(null);

  constructor(body: InterruptibleBody) {
    this.#body = body;
  }

  /** Begins once the one before is done; throws what that one threw. */
  async add(record: () => Promise<Upload>): Promise<void> {
    await this.#running;
    this.#running = record();
    this.#running.catch((error: unknown) =>
      this.#body.interrupt(error instanceof HoldfastError ? error : new HoldfastError('internal', 'Not recorded.')),
    );
  }

  /** The upload after the last one; null when nothing was recorded. */
  settled(): Promise<Upload | null> {
    return this.#running;
  }
}
