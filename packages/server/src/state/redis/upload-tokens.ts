/** Upload tokens in Redis: a hash for each, found by the digest of its secret. That one is used once is decided by the script that creates the upload. */
import type { UploadToken } from '../../core/grant.ts';
import type { UploadTokenStore } from '../../core/ports/upload-token-store.ts';
import type { Millis, Sha256 } from '../../core/upload.ts';
import { assertStorable } from './facts.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

export class RedisUploadTokenStore implements UploadTokenStore {
  readonly #link: RedisLink;
  readonly #keys: Keys;

  constructor(link: RedisLink, keys: Keys) {
    this.#link = link;
    this.#keys = keys;
  }

  async issue(token: UploadToken): Promise<void> {
    const facts = JSON.stringify(token);
    assertStorable(facts);
    const { tokenId: id, digest, issuer, expiresAt, uploadId } = token;
    const fields = { facts, digest, issuer, upload: uploadId ?? '' };
    await this.#link.run((client) =>
      client
        .multi()
        .hset(this.#keys.token(id), fields)
        .set(this.#keys.tokenBy(digest), id)
        .zadd(this.#keys.tokens, expiresAt, id)
        .exec(),
    );
  }

  async find(digest: Sha256): Promise<UploadToken | null> {
    const id = await this.#link.run((client) => client.get(this.#keys.tokenBy(digest)));
    if (id === null) return null;
    const [facts, upload] = await this.#link.run((client) => client.hmget(this.#keys.token(id), 'facts', 'upload'));
    if (typeof facts !== 'string') return null;
    return { ...(JSON.parse(facts) as UploadToken), uploadId: upload ? upload : null };
  }

  async revoke(tokenId: string, issuer: string): Promise<boolean> {
    const { token, tokens, tokenBy } = this.#names(tokenId);
    return (await this.#link.script('hfRevoke', token, issuer, tokens, tokenId, tokenBy)) === 1;
  }

  async purge(expiredBefore: Millis, limit: number): Promise<number> {
    const { token, tokens, tokenBy } = this.#names('');
    return Number(
      await this.#link.script('hfPurgeTokens', tokens, String(expiredBefore), String(limit), token, tokenBy),
    );
  }

  #names(id: string): { readonly token: string; readonly tokens: string; readonly tokenBy: string } {
    return { token: this.#keys.token(id), tokens: this.#keys.tokens, tokenBy: this.#keys.tokenBy('') };
  }
}
