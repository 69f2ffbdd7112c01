/**
 * Locks for several processes: a hash for each upload that is held, with the process that holds it, the time by the clock of Redis until
 * which that is good, and whether somebody else wants it. A process looks at its locks several times a second while it has any. The
 * same protocol as in SQL, see docs/decisions/0007.
 */
import type { Clock } from '../../core/ports/clock.ts';
import type { LockWish, UploadLock, UploadLocks } from '../../core/ports/upload-locks.ts';
import { MemoryUploadLocks } from '../memory/upload-locks.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** How long a lock outlives its process. Shorter than requests wait, so that the upload of a dead process is had at the first try. */
const goodForMs = 8_000;
const pollMsMin = 10;
const pollMsMax = 100;
/** How soon a process hears that one of its uploads is wanted. */
const lookMs = 200;

export interface UploadLockOptions {
  readonly clock: Clock;
  /** Unique for this process among all that share the Redis: also after a restart. */
  readonly process: string;
  /** How long a lock stays good without being renewed. Default 8 s. */
  readonly goodForMs?: number;
}

/** A lock of this process, while it is held or asked for. */
interface Held {
  readonly key: string;
  readonly grant: string;
  readonly letGo: () => void;
  /** By this process's clock, reckoned from before Redis was asked: never later than what the lock says. */
  validUntil: number;
}

export class RedisUploadLocks implements UploadLocks {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #process: string;
  readonly #goodForMs: number;
  /** Requests of this process agree here first, so that at most one of them has or wants the lock of an upload. */
  readonly #local: MemoryUploadLocks;
  readonly #held = new Map<string, Held>();
  #grants = 0;
  #renewedAt = 0;
  #cancelLook: (() => void) | null = null;

  constructor(link: RedisLink, keys: Keys, options: UploadLockOptions) {
    this.#link = link;
    this.#keys = keys;
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
      const lock = await this.#poll({ key: this.#keys.lock(uploadId), deadline, letGo, isWanted: () => wanted });
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
        await this.#link.script('hfUnlock', held.key, this.#process, held.grant, how);
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
    readonly key: string;
    readonly deadline: number;
    readonly letGo: () => void;
    readonly isWanted: () => boolean;
  }): Promise<{ held: Held; forced: boolean } | 'busy' | 'superseded'> {
    this.#grants += 1;
    const grant = String(this.#grants);
    for (let wait = pollMsMin; ; wait = Math.min(wait * 2, pollMsMax)) {
      const asked = this.#clock.now();
      const how = await this.#link.script('hfLock', wish.key, this.#process, grant, String(this.#goodForMs));
      if (how !== 'held') {
        const held = { key: wish.key, grant, letGo: wish.letGo, validUntil: asked + this.#goodForMs };
        this.#held.set(grant, held);
        this.#cancelLook ??= this.#lookLater();
        return { held, forced: how === 'forced' };
      }
      if (wish.isWanted()) return 'superseded';
      const left = wish.deadline - this.#clock.now();
      if (left <= 0) return 'busy';
      await new Promise<void>((resolve) => void this.#clock.after(Math.min(wait, left), resolve));
    }
  }

  #lookLater(): () => void {
    return this.#clock.after(lookMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const fired = this.#cancelLook;
    const renew = this.#clock.now() - this.#renewedAt >= this.#goodForMs / 3;
    // A Redis that is away fails the writes that the locks are for as well; the next look may find it back, or the locks run out.
    await this.#hear(renew).catch(() => {});
    // Meanwhile the last lock may have gone, and another one come with a timer of its own.
    if (this.#cancelLook === fired) this.#cancelLook = this.#lookLater();
  }

  /** Only locks that are held (one that could not be removed runs out) and that have not run out: those may be somebody else's soon. */
  async #hear(renew: boolean): Promise<void> {
    const asked = this.#clock.now();
    const own = [...this.#held.values()].flatMap(({ key, grant }) => [key, grant]);
    const longer = renew ? String(this.#goodForMs) : '0';
    const good = (await this.#link.script('hfLook', this.#keys.format, this.#process, longer, ...own)) as string[];
    if (renew) this.#renewedAt = asked;
    for (let i = 0; i < good.length; i += 2) {
      const held = this.#held.get(good[i] ?? '');
      if (!held) continue;
      if (renew) held.validUntil = asked + this.#goodForMs;
      if (good[i + 1] === '1') held.letGo();
    }
  }
}
