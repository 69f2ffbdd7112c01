/**
 * Claims for several processes: a key for each, with its holder and the time until which it is good by the clock of Redis. A holder renews
 * its keys while it lives. As with the claims in SQL, a holder that stood still for longer may come back to a place that is somebody else's.
 */
import type { Clock } from '../../core/ports/clock.ts';
import type { ExtentClaim, ExtentClaims } from '../../core/ports/extent-claims.ts';
import { MemoryExtentClaims } from '../memory/extent-claims.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** How long a claim outlives its process. */
const goodForMs = 15_000;
const pollMsMin = 5;
const pollMsMax = 100;

export interface ExtentClaimOptions {
  readonly clock: Clock;
  /** Unique for this process among all that share the Redis: also after a restart. */
  readonly holder: string;
  /** How long a claim stays good without being renewed. Default 15 s. */
  readonly goodForMs?: number;
}

export class RedisExtentClaims implements ExtentClaims {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #holder: string;
  readonly #goodForMs: number;
  /** Requests of this process queue here first, so that at most one of them polls for a place. */
  readonly #local: MemoryExtentClaims;
  /** Until when each is good by this process's clock, reckoned from before Redis was asked. */
  readonly #held = new Map<string, number>();
  #cancelRenewal: (() => void) | null = null;

  constructor(link: RedisLink, keys: Keys, options: ExtentClaimOptions) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = options.clock;
    this.#holder = options.holder;
    this.#goodForMs = options.goodForMs ?? goodForMs;
    this.#local = new MemoryExtentClaims(options.clock);
  }

  async acquire(uploadId: string, offset: number, waitMs: number): Promise<ExtentClaim | null> {
    const deadline = this.#clock.now() + waitMs;
    const local = await this.#local.acquire(uploadId, offset, waitMs);
    if (local === null) return null;
    const key = this.#keys.claim(uploadId, offset);
    const giveBack = () => (local.forced ? local.forfeit() : local.release());
    try {
      const taken = await this.#poll(key, deadline);
      if (taken !== null) return this.#claim(key, { local, forced: taken.forced || local.forced });
    } catch (error) {
      await giveBack();
      throw error;
    }
    await giveBack();
    return null;
  }

  #claim(key: string, { local, forced }: { readonly local: ExtentClaim; readonly forced: boolean }): ExtentClaim {
    this.#cancelRenewal ??= this.#renewLater();
    const ends = () => {
      this.#held.delete(key);
      if (this.#held.size === 0) this.close();
    };
    const release = async () => {
      if (!local.isValid()) return;
      ends();
      try {
        await this.#link.script('hfUnclaim', key, this.#holder);
      } finally {
        await local.release();
      }
    };
    const forfeit = async () => {
      if (!local.isValid()) return;
      ends();
      // The key stays, and runs out.
      await local.forfeit();
    };
    const isValid = () => local.isValid() && this.#clock.now() < (this.#held.get(key) ?? 0);
    return { forced, isValid, release, forfeit };
  }

  /** Stops renewing. Claims that are still held run out by themselves. */
  close(): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = null;
  }

  async #poll(key: string, deadline: number): Promise<{ readonly forced: boolean } | null> {
    for (let wait = pollMsMin; ; wait = Math.min(wait * 2, pollMsMax)) {
      const asked = this.#clock.now();
      const taken = await this.#link.script('hfClaim', key, this.#holder, String(this.#goodForMs));
      if (taken !== 0) {
        this.#held.set(key, asked + this.#goodForMs);
        return { forced: taken === 2 };
      }
      const left = deadline - this.#clock.now();
      if (left <= 0) return null;
      await new Promise<void>((resolve) => void this.#clock.after(Math.min(wait, left), resolve));
    }
  }

  #renewLater(): () => void {
    return this.#clock.after(this.#goodForMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const fired = this.#cancelRenewal;
    // A Redis that is away fails the writes that the claims are for as well; the next renewal may find it back.
    await this.#extend().catch(() => {});
    // Meanwhile the last claim may have gone, and another one come with a timer of its own.
    if (this.#cancelRenewal === fired) this.#cancelRenewal = this.#renewLater();
  }

  async #extend(): Promise<void> {
    const asked = this.#clock.now();
    const keys = [...this.#held.keys()];
    await this.#link.script('hfReclaim', this.#keys.format, this.#holder, String(this.#goodForMs), ...keys);
    // One that has run out by our clock may be somebody else's.
    const answered = this.#clock.now();
    for (const key of keys) if (answered < (this.#held.get(key) ?? 0)) this.#held.set(key, asked + this.#goodForMs);
  }
}
