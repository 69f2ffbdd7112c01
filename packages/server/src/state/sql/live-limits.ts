/** What a principal may have unfinished at once, decided in the transaction that creates an upload. */
import { HoldfastError } from '../../core/errors.ts';
import { type Dialect, first, type Session } from './engine.ts';
import type { UploadQueries } from './upload-queries.ts';

export class LiveLimits {
  readonly #dialect: Dialect;
  readonly #queries: UploadQueries;

  constructor(dialect: Dialect, queries: UploadQueries) {
    this.#dialect = dialect;
    this.#queries = queries;
  }

  /** Whether the principal may have one more live upload. */
  async hasRoom(session: Session, principal: string, liveMax: number): Promise<boolean> {
    if (!Number.isSafeInteger(liveMax)) return true;
    await this.#lock(session, principal);
    if (liveMax < 1) return false;
    return first(await session.rows(this.#queries.liveBeyond(liveMax - 1)({ principal }))) === null;
  }

  /** Throws `quota-exceeded` when the principal's live uploads, with the new one, have more bytes. */
  async bytes(session: Session, principal: string, bytesMax: number): Promise<void> {
    await this.#lock(session, principal);
    const bytes = first(await session.rows(this.#queries.liveBytes(principal)))?.bytes ?? 0;
    if (Number(bytes) <= bytesMax) return;
    throw new HoldfastError(
      'quota-exceeded',
      `Unfinished uploads may have ${bytesMax} bytes together; with this one they would have ${bytes}. Finish or cancel some.`,
      { details: { liveBytesMax: bytesMax } },
    );
  }

  /** Nobody else creates an upload for the principal until the transaction ends. */
  async #lock(session: Session, principal: string): Promise<void> {
    const lock = this.#dialect.lockByName?.(`uploads of ${principal}`);
    if (lock) await session.rows(lock);
  }
}
