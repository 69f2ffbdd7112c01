/** API keys, and the cookie that stands for one in a browser. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface ApiKey {
  /** Whom it stands for. */
  readonly principal: string;
  /** SHA-256 of the key in hex: the key itself is not kept in memory. */
  readonly sha256: string;
}

export const sessionCookie = 'holdfast-session';
const sessionMs = 12 * 3_600_000;

export class ApiKeys {
  readonly #keys: readonly ApiKey[];

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys;
  }

  get none(): boolean {
    return this.#keys.length === 0;
  }

  keyFor(secret: string): ApiKey | null {
    const digest = createHash('sha256').update(secret).digest();
    return this.#keys.find((key) => timingSafeEqual(Buffer.from(key.sha256, 'hex'), digest)) ?? null;
  }

  /** Whether a name belongs to a key, or to what its holder made below it. */
  owns(principal: string): boolean {
    return this.holderOf(principal) !== null;
  }

  /** The name of the key to which a name belongs, also below it; null: to none. */
  holderOf(principal: string): string | null {
    const holds = (key: ApiKey) => principal === key.principal || principal.startsWith(`${key.principal}/`);
    return this.#keys.find(holds)?.principal ?? null;
  }

  /** A cookie value that stands for the key for some hours. It is signed with the key, so taking the key away ends it. */
  issueSession(key: ApiKey, now: number): { value: string; maxAgeSeconds: number } {
    const expires = now + sessionMs;
    return { value: `${expires}.${sign(key, expires)}`, maxAgeSeconds: sessionMs / 1000 };
  }

  /** Of a cookie that `issueSession` gave out and whose time is not over. `id`: the same however the cookie is written. */
  session(cookie: string | undefined, now: number): { key: ApiKey; id: string; endsAt: number } | null {
    const match = /^(\d{13,15})\.([0-9a-f]{64})$/.exec(cookie ?? '');
    if (!match) return null;
    const endsAt = Number(match[1]);
    if (endsAt <= now) return null;
    const given = Buffer.from(match[2] ?? '', 'hex');
    const key = this.#keys.find((one) => timingSafeEqual(Buffer.from(sign(one, endsAt), 'hex'), given));
    return key === undefined ? null : { key, id: createHash('sha256').update(given).digest('hex'), endsAt };
  }
}

function sign(key: ApiKey, expires: number): string {
  return createHmac('sha256', Buffer.from(key.sha256, 'hex'))
    .update(`session ${key.principal} ${expires}`)
    .digest('hex');
}
