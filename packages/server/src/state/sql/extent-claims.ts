/**
 * Claims for several processes that share one disk: a row for each claim, with its holder and the time until which it is good. A holder
 * renews its rows while it lives; rows of one that died can be taken over once they have run out. A holder that was stopped for longer
 * (SIGSTOP, a suspended machine) may come back to a place that is somebody else's by then; see docs/decisions/0026.
 */

import { sql } from 'kysely';
import type { Clock } from '../../core/ports/clock.ts';
import type { ExtentClaim, ExtentClaims } from '../../core/ports/extent-claims.ts';
import { MemoryExtentClaims } from '../memory/extent-claims.ts';
import type { Engine, Session } from './engine.ts';

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

interface Held extends Place {
  /** By this process's clock, reckoned from before the database was asked: never later than what the row says. */
  validUntil: number;
}

function nameOf({ uploadId, offset }: Place): string {
  return `${uploadId}/${offset}`;
}

/** Without having used it: what was said of the place stays said. */
async function giveBack(local: ExtentClaim): Promise<void> {
  await (local.forced ? local.forfeit() : local.release());
}

export class SqlExtentClaims implements ExtentClaims {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #holder: string;
  readonly #goodForMs: number;
  /** Requests of this process queue here first, so that at most one of them polls for a place. */
  readonly #local: MemoryExtentClaims;
  readonly #held = new Map<string, Held>();
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

  async acquire(uploadId: string, offset: number, waitMs: number): Promise<ExtentClaim | null> {
    const deadline = this.#clock.now() + waitMs;
    const local = await this.#local.acquire(uploadId, offset, waitMs);
    if (local === null) return null;
    try {
      const taken = await this.#poll({ uploadId, offset }, deadline);
      if (taken !== null) return this.#claim(taken.held, { local, forced: taken.forced || local.forced });
    } catch (error) {
      await giveBack(local);
      throw error;
    }
    await giveBack(local);
    return null;
  }

  #claim(held: Held, { local, forced }: { readonly local: ExtentClaim; readonly forced: boolean }): ExtentClaim {
    const name = nameOf(held);
    this.#held.set(name, held);
    this.#left.delete(name);
    this.#cancelRenewal ??= this.#renewLater();
    const ends = () => {
      this.#held.delete(name);
      if (this.#held.size + this.#left.size === 0) this.close();
    };
    const release = async () => {
      if (!local.isValid()) return;
      this.#held.delete(name);
      try {
        await this.#remove(held);
      } catch (error) {
        this.#left.set(name, held);
        throw error;
      } finally {
        ends();
        await local.release();
      }
    };
    const forfeit = async () => {
      if (!local.isValid()) return;
      ends();
      // The row stays, and runs out.
      await local.forfeit();
    };
    return { forced, isValid: () => local.isValid() && this.#clock.now() < held.validUntil, release, forfeit };
  }

  /** Stops renewing. Claims that are still held run out by themselves. */
  close(): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = null;
  }

  async #poll(place: Place, deadline: number): Promise<{ held: Held; forced: boolean } | null> {
    for (let wait = pollMsMin; ; wait = Math.min(wait * 2, pollMsMax)) {
      const validUntil = this.#clock.now() + this.#goodForMs;
      const taken = await this.#take(place);
      if (taken !== null) return { held: { ...place, validUntil }, forced: taken.forced };
      const left = deadline - this.#clock.now();
      if (left <= 0) return null;
      await new Promise<void>((resolve) => this.#clock.after(Math.min(wait, left), resolve));
    }
  }

  #take({ uploadId, offset }: Place): Promise<{ forced: boolean } | null> {
    const { build, now } = this.#engine.dialect;
    const mine = { holder: this.#holder, until: this.#until() };
    const insert = build
      .insertInto('extent_claims')
      .values({ upload_id: uploadId, offset, ...mine })
      .onConflict((on) => on.columns(['upload_id', 'offset']).doNothing())
      .compile();
    const update = build
      .updateTable('extent_claims')
      .set(mine)
      .where('upload_id', '=', uploadId)
      .where('offset', '=', offset);
    // A row of our own was left when the database was away: within this process the place is ours by now.
    const own = update.where('holder', '=', this.#holder).compile();
    const runOut = update.where('until', '<', now).compile();
    return this.#write(async (session) => {
      if ((await session.change(insert)) > 0 || (await session.change(own)) > 0) return { forced: false };
      return (await session.change(runOut)) > 0 ? { forced: true } : null;
    });
  }

  async #remove({ uploadId, offset }: Place): Promise<void> {
    const query = this.#engine.dialect.build
      .deleteFrom('extent_claims')
      .where('upload_id', '=', uploadId)
      .where('offset', '=', offset)
      .where('holder', '=', this.#holder)
      .compile();
    await this.#write((session) => session.change(query));
  }

  /** A power cut ends the claims with their processes, so nobody waits for a disk. */
  #write<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#engine.write((session) => {
      session.durable = false;
      return work(session);
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
    const asked = this.#clock.now();
    await this.#write((session) => session.change(query));
    // Of one that has run out by our clock the row may be somebody else's.
    const answered = this.#clock.now();
    for (const place of places) if (answered < place.validUntil) place.validUntil = asked + this.#goodForMs;
  }

  /** Unless a request of this process is at the place: then the row is that one's. */
  async #removeLeft(place: Place): Promise<void> {
    const local = await this.#local.acquire(place.uploadId, place.offset, 0);
    if (local === null) return;
    try {
      await this.#remove(place);
      this.#left.delete(nameOf(place));
    } finally {
      await giveBack(local);
    }
  }

  #until() {
    return sql<number>`${this.#engine.dialect.now} + ${sql.lit(this.#goodForMs)}`;
  }
}
