/** Locks in Redis: a hash for each upload that is held. The protocol is in `state/leases`. */

import type { Lease, LockTable, Taken } from '../leases/lease-table.ts';
import { LeasedUploadLocks, type UploadLockOptions } from '../leases/leased-upload-locks.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

export class RedisUploadLocks extends LeasedUploadLocks {
  constructor(link: RedisLink, keys: Keys, options: UploadLockOptions) {
    super(new RedisLockTable(link, keys, options.process), options);
  }
}

export class RedisLockTable implements LockTable {
  readonly #link: RedisLink;
  readonly #keys: Keys;
  readonly #process: string;

  constructor(link: RedisLink, keys: Keys, process: string) {
    this.#link = link;
    this.#keys = keys;
    this.#process = process;
  }

  async take(lease: Lease<string>, forMs: number): Promise<Taken> {
    return (await this.#own('hfLock', lease, String(forMs))) as Taken;
  }

  async remove(lease: Lease<string>): Promise<void> {
    await this.#own('hfUnlock', lease, 'in order');
  }

  async expire(lease: Lease<string>): Promise<void> {
    await this.#own('hfUnlock', lease, 'as if gone');
  }

  async renew(leases: readonly Lease<string>[], forMs: number): Promise<readonly number[]> {
    return (await this.#look(leases, forMs)).map(({ grant }) => grant);
  }

  async hear(leases: readonly Lease<string>[]): Promise<readonly number[]> {
    const standing = await this.#look(leases, 0);
    return standing.filter(({ wanted }) => wanted).map(({ grant }) => grant);
  }

  #own(script: 'hfLock' | 'hfUnlock', { place, grant }: Lease<string>, how: string): Promise<unknown> {
    return this.#link.script(script, this.#keys.lock(place), this.#process, String(grant), how);
  }

  /** Those that are good, and made good for longer unless `forMs` is 0. */
  async #look(leases: readonly Lease<string>[], forMs: number): Promise<{ grant: number; wanted: boolean }[]> {
    const own = leases.flatMap(({ place, grant }) => [this.#keys.lock(place), String(grant)]);
    const good = (await this.#link.script(
      'hfLook',
      this.#keys.format,
      this.#process,
      String(forMs),
      ...own,
    )) as string[];
    return Array.from({ length: good.length / 2 }, (_, i) => ({
      grant: Number(good[2 * i]),
      wanted: good[2 * i + 1] === '1',
    }));
  }
}
