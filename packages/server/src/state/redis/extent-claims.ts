/**
 * Claims for several processes: a key for each, with its holder, that runs out by the clock of Redis. A holder renews its keys while it
 * lives. As with the claims in SQL, a holder that stood still for longer may come back to a place that is somebody else's.
 */
import type { Clock } from '../../core/ports/clock.ts';
import type { ExtentClaims } from '../../core/ports/extent-claims.ts';
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
  readonly #held = new Set<string>();
  #cancelRenewal: (() => void) | null = null;

  constructor(link: RedisLink, keys: Keys, options: ExtentClaimOptions) {
    this.#link = link;
    this.#keys = keys;
    this.#clock = options.clock;
    this.#holder = options.holder;
    this.#goodForMs = options.goodForMs ?? goodForMs;
    this.#local = new MemoryExtentClaims(options.clock);
  }

  async acquire(uploadId: string, offset: number, waitMs: number): Promise<(() => Promise<void>) | null> {
    const deadline = this.#clock.now() + waitMs;
    const releaseLocal = await this.#local.acquire(uploadId, offset, waitMs);
    if (releaseLocal === null) return null;
    const key = this.#keys.claim(uploadId, offset);
    try {
      if (!(await this.#poll(key, deadline))) {
        await releaseLocal();
        return null;
      }
    } catch (error) {
      await releaseLocal();
      throw error;
    }
    this.#held.add(key);
    this.#cancelRenewal ??= this.#renewLater();
    return async () => {
      if (!this.#held.delete(key)) return;
      if (this.#held.size === 0) this.close();
      try {
        await this.#link.script('hfUnclaim', key, this.#holder);
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

  async #poll(key: string, deadline: number): Promise<boolean> {
    for (let wait = pollMsMin; ; wait = Math.min(wait * 2, pollMsMax)) {
      if ((await this.#link.script('hfClaim', key, this.#holder, String(this.#goodForMs))) === 1) return true;
      const left = deadline - this.#clock.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => void this.#clock.after(Math.min(wait, left), resolve));
    }
  }

  #renewLater(): () => void {
    return this.#clock.after(this.#goodForMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const fired = this.#cancelRenewal;
    // A Redis that is away fails the writes that the claims are for as well; the next renewal may find it back.
    await this.#link
      .script('hfReclaim', this.#keys.format, this.#holder, String(this.#goodForMs), ...this.#held)
      .catch(() => {});
    // Meanwhile the last claim may have gone, and another one come with a timer of its own.
    if (this.#cancelRenewal === fired) this.#cancelRenewal = this.#renewLater();
  }
}
