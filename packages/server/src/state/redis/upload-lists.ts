/** Everything that is found by something else than its id: ids from sorted sets, then the uploads. What has moved in between is left out. */
import { HoldfastError } from '../../core/errors.ts';
import type { Page, UploadQuery } from '../../core/ports/upload-store.ts';
import { finalPhases, livePhases, type Millis, type PhaseName, type Upload } from '../../core/upload.ts';
import { decodeCursor, type Position, toPage } from '../sql/cursor.ts';
import { sought } from '../sql/storable.ts';
import { folded } from '../sql/upload-rows.ts';
import { readStored, type Stored } from './facts.ts';
import { canExpire, isFinal, isLive, isWaitingFinal } from './indexes.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** Uploads that are read at a time. */
const readMax = 500;
/** Ids of a principal that are looked through at a time for a name. */
const scanned = 200;

const everyPhase: readonly PhaseName[] = [...livePhases, ...finalPhases];

export class UploadLists {
  readonly #link: RedisLink;
  readonly #keys: Keys;

  constructor(link: RedisLink, keys: Keys) {
    this.#link = link;
    this.#keys = keys;
  }

  async page(query: UploadQuery): Promise<Page<Upload>> {
    const { principal, phases = everyPhase, limit } = query;
    const name = query.filename === undefined ? '' : folded(sought(query.filename));
    const matches = (upload: Upload) => phases.includes(upload.phase.name) && folded(upload.filename).includes(name);
    const found: Upload[] = [];
    let after = query.cursor === undefined ? null : decodeCursor(query.cursor);
    const some = query.filename === undefined ? limit + 1 : scanned;
    while (found.length <= limit && phases.length > 0) {
      const positions = await this.#positions({ principal, phases, limit: some }, after);
      const uploads = await this.byIds(positions.map((position) => position.id));
      found.push(...uploads.filter(matches));
      after = positions.at(-1) ?? null;
      if (positions.length < some) break;
    }
    const position = (upload: Upload) => ({ createdAt: upload.createdAt, id: upload.id });
    return toPage(found, limit, { item: (upload) => upload, position });
  }

  live(afterId: string, limit: number): Promise<Upload[]> {
    return this.#inIdOrder(this.#keys.live, { afterId, limit }, isLive);
  }

  waitingFinals(afterId: string, limit: number): Promise<Upload[]> {
    return this.#inIdOrder(this.#keys.waiting, { afterId, limit }, isWaitingFinal);
  }

  dueToExpire(now: Millis, limit: number): Promise<Upload[]> {
    return this.#upTo(
      this.#keys.expiry,
      { score: now, limit },
      (upload) => canExpire(upload) && upload.expiresAt <= now,
    );
  }

  abandoned(now: Millis, limit: number): Promise<Upload[]> {
    const left = ({ phase }: Upload) => 'lease' in phase && phase.lease.until <= now;
    return this.#upTo(this.#keys.leases, { score: now, limit }, left);
  }

  async heldBy(holder: string, limit: number): Promise<Upload[]> {
    const ids = await this.#link.run((client) => client.zrange(this.#keys.holder(holder), '0', String(limit - 1)));
    return (await this.byIds(ids)).filter(({ phase }) => 'lease' in phase && phase.lease.holder === holder);
  }

  toRelease(limit: number): Promise<Upload[]> {
    const held = (upload: Upload) => isFinal(upload) && upload.storage === 'held';
    return this.#upTo(this.#keys.held, { score: '+inf', limit }, held);
  }

  async finalsOf(partId: string): Promise<Upload[]> {
    return this.byIds(await this.#link.run((client) => client.zrange(this.#keys.finals(partId), '0', '-1')));
  }

  async findFinal(principal: string, parts: readonly string[]): Promise<Upload | null> {
    const key = this.#keys.concat(principal, parts);
    return (await this.byIds(await this.#link.run((client) => client.zrevrange(key, 0, 0))))[0] ?? null;
  }

  /** Ended uploads without storage that were last changed before the time, as they are stored. */
  async purgeable(before: Millis, limit: number): Promise<Stored[]> {
    const ids = await this.#link.run((client) =>
      client.zrangebyscore(this.#keys.ended, '-inf', `(${before}`, 'LIMIT', 0, limit),
    );
    return (await this.#stored(ids)).filter(({ upload }) => upload.updatedAt < before);
  }

  /** Those that are there, in the order of the ids. */
  async byIds(ids: readonly string[]): Promise<Upload[]> {
    return (await this.#stored(ids)).map((stored) => stored.upload);
  }

  async #stored(ids: readonly string[]): Promise<Stored[]> {
    const found: Stored[] = [];
    for (let start = 0; start < ids.length; start += readMax) {
      const keys = ids.slice(start, start + readMax).map((id) => this.#keys.upload(id));
      const values = await this.#link.run((client) => client.mget(keys));
      found.push(...values.flatMap((value) => (value === null ? [] : [readStored(value)])));
    }
    return found;
  }

  async #inIdOrder(
    key: string,
    { afterId, limit }: { readonly afterId: string; readonly limit: number },
    keep: (upload: Upload) => boolean,
  ): Promise<Upload[]> {
    const from = afterId === '' ? '-' : `(${afterId}`;
    const ids = await this.#link.run((client) => client.zrangebylex(key, from, '+', 'LIMIT', 0, limit));
    return (await this.byIds(ids)).filter(keep);
  }

  async #upTo(
    key: string,
    { score, limit }: { readonly score: number | '+inf'; readonly limit: number },
    keep: (upload: Upload) => boolean,
  ): Promise<Upload[]> {
    const ids = await this.#link.run((client) => client.zrangebyscore(key, '-inf', score, 'LIMIT', 0, limit));
    return (await this.byIds(ids)).filter(keep);
  }

  /** The next ids of a principal in these phases, newest first, as they are at one moment. */
  async #positions(
    { principal, phases, limit }: Required<Pick<UploadQuery, 'principal' | 'phases' | 'limit'>>,
    after: Position | null,
  ): Promise<Position[]> {
    const newest = after === null ? '+inf' : `(${after.createdAt}`;
    const results = await this.#link.run(async (client) => {
      const all = client.multi();
      for (const phase of phases) {
        const key = this.#keys.own(principal, phase);
        // Those of the same moment come first; there are few.
        if (after !== null) all.zrevrangebyscore(key, after.createdAt, after.createdAt, 'WITHSCORES');
        all.zrevrangebyscore(key, newest, '-inf', 'WITHSCORES', 'LIMIT', 0, limit);
      }
      return (await all.exec()) ?? [];
    });
    const found = new Map<string, Position>();
    for (const [error, flat] of results) {
      if (error !== null) throw new HoldfastError('unavailable', 'Redis does not answer.', { cause: error });
      for (const position of positionsOf(flat as string[])) found.set(position.id, position);
    }
    return [...found.values()]
      .filter((position) => after === null || newestFirst(after, position) < 0)
      .sort(newestFirst)
      .slice(0, limit);
  }
}

function positionsOf(flat: readonly string[]): Position[] {
  return Array.from({ length: flat.length / 2 }, (_, i) => ({
    id: flat[2 * i] ?? '',
    createdAt: Number(flat[2 * i + 1]),
  }));
}

function newestFirst(a: Position, b: Position): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id === b.id ? 0 : a.id < b.id ? 1 : -1;
}
