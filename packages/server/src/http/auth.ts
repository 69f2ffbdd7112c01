/**
 * Who asks. An API key in `Authorization: Bearer`, or the session cookie that a browser got for one; without any keys configured
 * everyone is `anonymous`, which the server only allows on loopback.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { HoldfastError } from '../core/errors.ts';

export interface ApiKey {
  /** Whom it stands for. */
  readonly principal: string;
  /** SHA-256 of the key in hex: the key itself is not kept in memory. */
  readonly sha256: string;
}

export const anonymous = 'anonymous';
export const sessionCookie = 'holdfast-session';
const sessionMs = 12 * 3_600_000;

export class Authenticator {
  readonly #keys: readonly ApiKey[];

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys;
  }

  get open(): boolean {
    return this.#keys.length === 0;
  }

  /** The principal of a request. Throws `unauthenticated`. */
  principalOf(request: FastifyRequest, now: number): string {
    if (this.open) return anonymous;
    const header = request.headers.authorization;
    const key =
      header === undefined
        ? this.#sessionKey(request.cookies?.[sessionCookie], now)
        : this.keyFor(/^Bearer (\S+)$/i.exec(header)?.[1] ?? '');
    if (!key)
      throw new HoldfastError('unauthenticated', 'Send an API key as "Authorization: Bearer <key>", or sign in.');
    return key.principal;
  }

  keyFor(secret: string): ApiKey | null {
    const digest = createHash('sha256').update(secret).digest();
    return this.#keys.find((key) => timingSafeEqual(Buffer.from(key.sha256, 'hex'), digest)) ?? null;
  }

  /** A cookie value that stands for the key for some hours. It is signed with the key, so taking the key away ends it. */
  issueSession(key: ApiKey, now: number): { value: string; maxAgeSeconds: number } {
    const expires = now + sessionMs;
    return { value: `${expires}.${sign(key, expires)}`, maxAgeSeconds: sessionMs / 1000 };
  }

  #sessionKey(cookie: string | undefined, now: number): ApiKey | null {
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
