/** Resources that were opened, closed last-in first-out; one that fails to close does not keep the others open. */
import type { Log } from '../core/ports/log.ts';

export class Closing {
  readonly #parts: { readonly name: string; close(): Promise<void> | void }[] = [];

  add(name: string, close: () => Promise<void> | void): void {
    this.#parts.push({ name, close });
  }

  async close(log: Log): Promise<void> {
    for (let part = this.#parts.pop(); part; part = this.#parts.pop()) {
      try {
        await part.close();
      } catch (error) {
        log.error({ err: error, part: part.name }, 'could not close a part');
      }
    }
  }
}
