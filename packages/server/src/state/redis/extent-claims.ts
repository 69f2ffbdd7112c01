/** Claims in Redis: a key for each place that is held. The protocol is in `state/leases`. */

import type { ClaimPlace, ClaimTable, Lease, Taken } from '../leases/lease-table.ts';
import { type ExtentClaimOptions, LeasedExtentClaims } from '../leases/leased-extent-claims.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

export class RedisExtentClaims extends LeasedExtentClaims {
  constructor(link: RedisLink, keys: Keys, options: ExtentClaimOptions) {
    super(new RedisClaimTable(link, keys, options.holder), options);
  }
}

export class RedisClaimTable implements ClaimTable {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #holder: string;

  constructor(link: RedisLink, keys: Keys, holder: string) {
    this.#link = link;
    this.#keys = keys;
    this.#holder = holder;
  }

  async take(lease: Lease<ClaimPlace>, forMs: number): Promise<Taken> {
    return (await this.#link.script('hfClaim', this.#key(lease), this.#holder, String(forMs))) as Taken;
  }

  async remove(lease: Lease<ClaimPlace>): Promise<void> {
    await this.#link.script('hfUnclaim', this.#key(lease), this.#holder);
  }

  async renew(leases: readonly Lease<ClaimPlace>[], forMs: number): Promise<readonly number[]> {
    const keys = leases.map((lease) => this.#key(lease));
    const answer = await this.#link.script('hfReclaim', this.#keys.format, this.#holder, String(forMs), ...keys);
    const renewed = new Set(answer as string[]);
    return leases.filter((lease) => renewed.has(this.#key(lease))).map(({ grant }) => grant);
  }

  #key({ place }: Lease<ClaimPlace>): string {
    return this.#keys.claim(place.uploadId, place.offset);
  }
}
