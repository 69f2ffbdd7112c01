/**
 * Names of keys. All carry one prefix, with a hash tag: one Redis holds everything, and a script may touch any of it.
 *
 *     u:<id>                    string   version, uses as a part, facts of an upload
 *     x:<id>                    zset     its extents by offset
 *     finals:<id>               zset     unfinished final uploads that have it as a part
 *     lock:<id>                 hash     who may append to it
 *     claim:<id>:<offset>       string   who writes there; runs out
 *     own:<phase>:<principal>   zset     uploads of a principal in a phase, by creation
 *     concat:<principal>:<sha>  zset     final uploads of the same parts, by creation
 *     holder:<node>             zset     uploads that a node is finishing
 *     live, waiting             zset     uploads in the order of their ids
 *     expiry, leases, held, ended        zset   uploads by expiry, end of lease, last change
 *     phases, bytes             hash     uploads by phase, bytes of live uploads by principal
 *     token:<id>, digest:<sha>, tokens   upload tokens, by secret, by expiry
 *     outbox                    stream   what the ledger does not have yet
 *     format, ledger            string   the version of all this, the number of the ledger that it belongs to
 *     touched                   string   when a health check last wrote
 */
import { createHash } from 'node:crypto';
import type { PhaseName } from '../../core/upload.ts';

/** With a hash tag: a cluster keeps all of them in one place. */
export const standardPrefix = '{holdfast}';

export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get live(): string {
    return this.#key('live');
  }
  get waiting(): string {
    return this.#key('waiting');
  }
  get expiry(): string {
    return this.#key('expiry');
  }
  get leases(): string {
    return this.#key('leases');
  }
  get held(): string {
    return this.#key('held');
  }
  get ended(): string {
    return this.#key('ended');
  }
  get phases(): string {
    return this.#key('phases');
  }
  get bytes(): string {
    return this.#key('bytes');
  }
  get tokens(): string {
    return this.#key('tokens');
  }
  get outbox(): string {
    return this.#key('outbox');
  }
  get format(): string {
    return this.#key('format');
  }
  get ledger(): string {
    return this.#key('ledger');
  }
  get touched(): string {
    return this.#key('touched');
  }
  /** The channel on which a process says that it appended events. */
  get news(): string {
    return this.#key('news');
  }

  upload(id: string): string {
    return this.#key('u', id);
  }
  extents(id: string): string {
    return this.#key('x', id);
  }
  finals(partId: string): string {
    return this.#key('finals', partId);
  }
  lock(id: string): string {
    return this.#key('lock', id);
  }
  claim(id: string, offset: number): string {
    return this.#key('claim', id, String(offset));
  }
  own(principal: string, phase: PhaseName): string {
    return this.#key('own', phase, principal);
  }
  holder(node: string): string {
    return this.#key('holder', node);
  }
  concat(principal: string, parts: readonly string[]): string {
    const digest = createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
    return this.#key('concat', principal, digest);
  }
  token(id: string): string {
    return this.#key('token', id);
  }
  tokenBy(digest: string): string {
    return this.#key('digest', digest);
  }

  #key(...parts: readonly string[]): string {
    return `${this.#prefix}:${parts.join(':')}`;
  }
}
