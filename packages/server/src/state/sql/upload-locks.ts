/**
 * Locks for several processes that share the database and the disk: a row for each upload that is held, with the process that holds it,
 * the time until which that is good, and whether somebody else wants it. A process looks at its rows several times a second while it
 * has any. See docs/decisions/0007.
 */
import { sql } from 'kysely';
import type { Clock } from '../../core/ports/clock.ts';
import type { LockWish, UploadLock, UploadLocks } from '../../core/ports/upload-locks.ts';
import { MemoryUploadLocks } from '../memory/upload-locks.ts';
import { type Engine, first } from './engine.ts';

/** How long a lock outlives its process. Shorter than requests wait, so that the upload of a dead process is had at the first try. */
const goodForMs = 8_000;
const pollMsMin = 10;
const pollMsMax = 100;
/** How soon a process hears that one of its uploads is wanted. */
const lookMs = 200;

export interface UploadLockOptions {
  readonly clock: Clock;
  /** Unique for this process among all that share the database: also after a restart. */
  readonly process: string;
  /** How long a lock stays good without being renewed. Default 8 s. */
  readonly goodForMs?: number;
}

/** A lock of this process, while it is held or asked for. */
interface Held {
  readonly uploadId: string;
  readonly grant: number;
  readonly letGo: () => void;
  /** By this process's clock, reckoned from before the database was asked: never later than what the row says. */
  validUntil: number;
}

export class SqlUploadLocks implements UploadLocks {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #process: string;
  readonly #goodForMs: number;
  /** Requests of this process agree here first, so that at most one of them has or wants the row of an upload. */
  readonly #local: MemoryUploadLocks;
  readonly #held = new Map<number, Held>();
  #grants = 0;
  #renewedAt = 0;
  #cancelLook: (() => void) | null = null;

  constructor(engine: Engine, options: UploadLockOptions) {
    this.#engine = engine;
    this.#clock = options.clock;
    this.#process = options.process;
    this.#goodForMs = options.goodForMs ?? goodForMs;
    this.#local = new MemoryUploadLocks(options.clock);
  }

  async acquire(uploadId: string, wish: LockWish): Promise<UploadLock | 'busy' | 'superseded'> {
    const deadline = this.#clock.now() + wish.waitMs;
    let wanted = false;
    const letGo = () => {
      if (wanted) return;
      wanted = true;
      wish.letGo();
    };
    const local = await this.#local.acquire(uploadId, { waitMs: wish.waitMs, letGo });
    if (typeof local === 'string') return local;
    try {
      const lock = await this.#poll({ uploadId, deadline, letGo, isWanted: () => wanted });
      if (typeof lock === 'string') {
        await local.release();
        return lock;
      }
      return this.#lock(lock.held, { forced: lock.forced, local });
    } catch (error) {
      await local.release();
      throw error;
    }
  }

  /** Stops renewing. Locks that are still held run out by themselves. */
  close(): void {
    this.#cancelLook?.();
    this.#cancelLook = null;
  }

  #lock(held: Held, { forced, local }: { readonly forced: boolean; readonly local: UploadLock }): UploadLock {
    let released = false;
    const release = async (how: 'in order' | 'as if gone') => {
      if (released) return;
      released = true;
      this.#held.delete(held.grant);
      if (this.#held.size === 0) this.close();
      try {
        await this.#remove(held, how);
      } finally {
        await local.release();
      }
    };
    return {
      forced,
      isValid: () => !released && this.#clock.now() < held.validUntil,
      release: () => release('in order'),
      forfeit: () => release('as if gone'),
    };
  }

  async #poll(wish: {
    readonly uploadId: string;
    readonly deadline: number;
    readonly letGo: () => void;
    readonly isWanted: () => boolean;
  }): Promise<{ held: Held; forced: boolean } | 'busy' | 'superseded'> {
    this.#grants += 1;
    const grant = this.#grants;
    for (let wait = pollMsMin; ; wait = Math.min(wait * 2, pollMsMax)) {
      const asked = this.#clock.now();
      const taken = await this.#take(wish.uploadId, grant);
      if (taken !== null) {
        const held = { uploadId: wish.uploadId, grant, letGo: wish.letGo, validUntil: asked + this.#goodForMs };
        this.#held.set(grant, held);
        this.#cancelLook ??= this.#lookLater();
        return { held, forced: taken.forced };
      }
      if (wish.isWanted()) return 'superseded';
      const left = wish.deadline - this.#clock.now();
      if (left <= 0) return 'busy';
      await new Promise<void>((resolve) => this.#clock.after(Math.min(wait, left), resolve));
    }
  }

  /** Takes the row when it is free or has run out; otherwise notes there that it is wanted, and resolves to null. */
  #take(uploadId: string, grant: number): Promise<{ forced: boolean } | null> {
    const { build, now } = this.#engine.dialect;
    const values = { upload_id: uploadId, process: this.#process, grant_no: grant, until: this.#until(), asked: 0 };
    const insert = build
      .insertInto('upload_locks')
      .values(values)
      .onConflict((on) =>
        on
          .column('upload_id')
          .doUpdateSet((eb) => ({
            process: eb.ref('excluded.process'),
            grant_no: eb.ref('excluded.grant_no'),
            until: eb.ref('excluded.until'),
            asked: 0,
          }))
          .where('upload_locks.until', '<', now),
      )
      .compile();
    const found = build
      .selectFrom('upload_locks')
      .select(['process', 'asked'])
      .where('upload_id', '=', uploadId)
      .compile();
    const ask = build.updateTable('upload_locks').set({ asked: 1 }).where('upload_id', '=', uploadId).compile();
    return this.#engine.write(async (session) => {
      // A power cut ends the locks with their processes, so nobody waits for a disk.
      session.durable = false;
      const before = first(await session.rows(found));
      if ((await session.change(insert)) > 0) return { forced: before !== null };
      if (before?.asked !== 1) await session.change(ask);
      return null;
    });
  }

  async #remove(held: Held, how: 'in order' | 'as if gone'): Promise<void> {
    const { build } = this.#engine.dialect;
    const own = { upload_id: held.uploadId, process: this.#process, grant_no: held.grant };
    const query =
      how === 'in order'
        ? build
            .deleteFrom('upload_locks')
            .where((eb) => eb.and(own))
            .compile()
        : build
            .updateTable('upload_locks')
            .set({ until: 0 })
            .where((eb) => eb.and(own))
            .compile();
    await this.#engine.write((session) => {
      session.durable = false;
      return session.change(query);
    });
  }

  #lookLater(): () => void {
    return this.#clock.after(lookMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const fired = this.#cancelLook;
    const due = this.#clock.now() - this.#renewedAt >= this.#goodForMs / 3;
    // A database that is away fails the writes that the locks are for as well; the next look may find it back, or the locks run out.
    await (due ? this.#renew() : this.#hear()).catch(() => {});
    // Meanwhile the last lock may have gone, and another one come with a timer of its own.
    if (this.#cancelLook === fired) this.#cancelLook = this.#lookLater();
  }

  async #hear(): Promise<void> {
    const query = this.#rows().where('asked', '=', 1).compile();
    for (const row of await this.#engine.read(query)) this.#held.get(row.grant_no)?.letGo();
  }

  /** Only rows of locks that are held (one that could not be removed runs out), and that have not run out: those may be somebody else's soon. */
  async #renew(): Promise<void> {
    const asked = this.#clock.now();
    const update = this.#engine.dialect.build
      .updateTable('upload_locks')
      .set({ until: this.#until() })
      .where('process', '=', this.#process)
      .where('grant_no', 'in', [...this.#held.keys()])
      .where('until', '>=', this.#engine.dialect.now)
      .compile();
    const select = this.#rows().where('until', '>=', this.#engine.dialect.now).compile();
    const rows = await this.#engine.write(async (session) => {
      session.durable = false;
      await session.change(update);
      return await session.rows(select);
    });
    this.#renewedAt = asked;
    for (const row of rows) {
      const held = this.#held.get(row.grant_no);
      if (!held) continue;
      held.validUntil = asked + this.#goodForMs;
      if (row.asked === 1) held.letGo();
    }
  }

  #rows() {
    return this.#engine.dialect.build
      .selectFrom('upload_locks')
      .select(['grant_no', 'asked'])
      .where('process', '=', this.#process);
  }

  #until() {
    return sql<number>`${this.#engine.dialect.now} + ${sql.lit(this.#goodForMs)}`;
  }
}
