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

export class SqlExtentClaims implements ExtentClaims {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #holder: string;
  readonly #goodForMs: number;
  /** Requests of this process queue here first, so that at most one of them polls for a place. */
  readonly #local: MemoryExtentClaims;
  #held = 0;
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
    this.#count(1);
    let held = true;
    return async () => {
      if (!held) return;
      held = false;
      this.#count(-1);
      try {
        await this.#remove(uploadId, offset);
      } finally {
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
          .where('extent_claims.until', '<', this.#engine.dialect.now),
      )
      .compile();
    return (await this.#write(query)) > 0;
  }

  async #remove(uploadId: string, offset: number): Promise<void> {
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

  #count(change: 1 | -1): void {
    this.#held += change;
    if (this.#held === 0) this.close();
    else this.#cancelRenewal ??= this.#renewLater();
  }

  #renewLater(): () => void {
    return this.#clock.after(this.#goodForMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const fired = this.#cancelRenewal;
    const query = this.#engine.dialect.build
      .updateTable('extent_claims')
      .set({ until: this.#until() })
      .where('holder', '=', this.#holder)
      .compile();
    // A database that is away fails the writes that the claims are for as well; the next renewal may find it back.
    await this.#write(query).catch(() => 0);
    // Meanwhile the last claim may have gone, and another one come with a timer of its own.
    if (this.#cancelRenewal === fired) this.#cancelRenewal = this.#renewLater();
  }

  #until() {
    return sql<number>`${this.#engine.dialect.now} + ${sql.lit(this.#goodForMs)}`;
  }
}
