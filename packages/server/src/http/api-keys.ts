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
    return this.#keys.some((key) => principal === key.principal || principal.startsWith(`${key.principal}/`));
  }

  /** A cookie value that stands for the key for some hours. It is signed with the key, so taking the key away ends it. */
  issueSession(key: ApiKey, now: number): { value: string; maxAgeSeconds: number } {
    const expires = now + sessionMs;
    return { value: `${expires}.${sign(key, expires)}`, maxAgeSeconds: sessionMs / 1000 };
  }

  sessionKey(cookie: string | undefined, now: number): ApiKey | null {
    const match = /^(\d{13,15})\.([0-9a-f]{64})$/.exec(cookie ?? '');
    if (!match) return null;
    const expires = Number(match[1]);
    if (expires <= now) return null;
    const given = Buffer.from(match[2] ?? '', 'hex');
    return this.#keys.find((key) => timingSafeEqual(Buffer.from(sign(key, expires), 'hex'), given)) ?? null;
  }
}

function sign(key: ApiKey, expires: number): string {
  return createHmac('sha256', Buffer.from(key.sha256, 'hex'))
    .update(`session ${key.principal} ${expires}`)
    .digest('hex');
}
