/**
 * Claims for several processes that share one disk: a row for each claim, with its holder and the time until which it is good. A holder
 * renews its rows while it lives; rows of one that died can be taken over once they have run out. A holder that is stopped for longer than
 * its claims are good (SIGSTOP, a suspended machine) may come back to a place that is somebody else's by then: the extent's checksum and
 * the rule that a place is recorded once are what is left against that.
 */

import { type CompiledQuery, sql } from 'kysely';
import type { Clock } from '../../core/ports/clock.ts';
import type { ExtentClaims } from '../../core/ports/extent-claims.ts';
import { MemoryExtentClaims } from '../memory/extent-claims.ts';
import type { Engine } from './engine.ts';

/** How long a claim outlives its process. */
const goodForMs = 15_000;
const pollMsMin = 10;
const pollMsMax = 100;

export interface ExtentClaimOptions {
  readonly clock: Clock;
  /** Unique for this process among all that share the database: also after a restart. */
  readonly holder: string;
  /** How long a claim stays good without being renewed. Default 15 s. */
  readonly goodForMs?: number;
}

interface Place {
  readonly uploadId: string;
  readonly offset: number;
}

function nameOf({ uploadId, offset }: Place): string {
  return `${uploadId}/${offset}`;
}

export class SqlExtentClaims implements ExtentClaims {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #holder: string;
  readonly #goodForMs: number;
  /** Requests of this process queue here first, so that at most one of them polls for a place. */
  readonly #local: MemoryExtentClaims;
  readonly #held = new Map<string, Place>();
  /** Released, but the database was away: rows that are still there and stand in the way of other processes. */
  readonly #left = new Map<string, Place>();
  #cancelRenewal: (() => void) | null = null;

  constructor(engine: Engine, options: ExtentClaimOptions) {
    this.#engine = engine;
    this.#clock = options.clock;
    this.#holder = options.holder;
    this.#goodForMs = options.goodForMs ?? goodForMs;
    this.#local = new MemoryExtentClaims(options.clock);
  }

  async acquire(uploadId: string, offset: number, waitMs: number): Promise<(() => Promise<void>) | null> {
    const deadline = this.#clock.now() + waitMs;
    const releaseLocal = await this.#local.acquire(uploadId, offset, waitMs);
    if (releaseLocal === null) return null;
    try {
      if (!(await this.#poll(uploadId, offset, deadline))) {
        await releaseLocal();
        return null;
      }
    } catch (error) {
      await releaseLocal();
      throw error;
    }
    const place = { uploadId, offset };
    this.#held.set(nameOf(place), place);
    this.#left.delete(nameOf(place));
    this.#cancelRenewal ??= this.#renewLater();
    let held = true;
    return async () => {
      if (!held) return;
      held = false;
      this.#held.delete(nameOf(place));
      try {
        await this.#remove(place);
      } catch (error) {
        this.#left.set(nameOf(place), place);
        throw error;
      } finally {
        if (this.#held.size + this.#left.size === 0) this.close();
        await releaseLocal();
      }
    };
  }

  /** Stops renewing. Claims that are still held run out by themselves. */
  close(): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = null;
  }

  async #poll(uploadId: string, offset: number, deadline: number): Promise<boolean> {
    for (let wait = pollMsMin; ; wait = Math.min(wait * 2, pollMsMax)) {
      if (await this.#insert(uploadId, offset)) return true;
      const left = deadline - this.#clock.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => this.#clock.after(Math.min(wait, left), resolve));
    }
  }

  async #insert(uploadId: string, offset: number): Promise<boolean> {
    const { build } = this.#engine.dialect;
    const query = build
      .insertInto('extent_claims')
      .values({ upload_id: uploadId, offset, holder: this.#holder, until: this.#until() })
      .onConflict((on) =>
        on
          .columns(['upload_id', 'offset'])
          .doUpdateSet((eb) => ({ holder: eb.ref('excluded.holder'), until: eb.ref('excluded.until') }))
          // A row of our own was left when the database was away: within this process the place is ours by now.
          .where((eb) =>
            eb.or([
              eb('extent_claims.until', '<', this.#engine.dialect.now),
              eb('extent_claims.holder', '=', this.#holder),
            ]),
          ),
      )
      .compile();
    return (await this.#write(query)) > 0;
  }

  async #remove({ uploadId, offset }: Place): Promise<void> {
    const query = this.#engine.dialect.build
      .deleteFrom('extent_claims')
      .where('upload_id', '=', uploadId)
      .where('offset', '=', offset)
      .where('holder', '=', this.#holder)
      .compile();
    await this.#write(query);
  }

  /** A power cut ends the claims with their processes, so nobody waits for a disk. */
  #write(query: CompiledQuery<unknown>): Promise<number> {
    return this.#engine.write((session) => {
      session.durable = false;
      return session.change(query);
    });
  }

  #renewLater(): () => void {
    return this.#clock.after(this.#goodForMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const fired = this.#cancelRenewal;
    // A database that is away fails the writes that the claims are for as well; the next renewal may find it back.
    await this.#extend().catch(() => {});
    // Meanwhile the last claim may have gone, and another one come with a timer of its own.
    if (this.#cancelRenewal === fired) this.#cancelRenewal = this.#renewLater();
  }

  /** Only what is held: rows that could not be removed would otherwise stand in the way for as long as this process lives. */
  async #extend(): Promise<void> {
    for (const place of this.#left.values()) await this.#removeLeft(place);
    const places = [...this.#held.values()];
    if (places.length === 0) return;
    const query = this.#engine.dialect.build
      .updateTable('extent_claims')
      .set({ until: this.#until() })
      .where('holder', '=', this.#holder)
      .where((eb) => eb.or(places.map(({ uploadId, offset }) => eb.and({ upload_id: uploadId, offset }))))
      .compile();
    await this.#write(query);
  }

  /** Unless a request of this process is at the place: then the row is that one's. */
  async #removeLeft(place: Place): Promise<void> {
    const releaseLocal = await this.#local.acquire(place.uploadId, place.offset, 0);
    if (releaseLocal === null) return;
    try {
      await this.#remove(place);
      this.#left.delete(nameOf(place));
    } finally {
      await releaseLocal();
    }
  }

  #until() {
    return sql<number>`${this.#engine.dialect.now} + ${sql.lit(this.#goodForMs)}`;
  }
}
