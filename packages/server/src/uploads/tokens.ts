/** Upload tokens: how an application lets a browser send one file without showing it an API key. */
import { createHash } from 'node:crypto';
import { checkedMetadata } from '../core/creation.ts';
import { newUploadToken, type TokenWish, type UploadToken } from '../core/grant.ts';
import type { Limits } from '../core/limits.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { UploadTokenStore } from '../core/ports/upload-token-store.ts';
import type { Sha256 } from '../core/upload.ts';
import { notFound } from './decide.ts';

export interface UploadTokenDependencies {
  readonly tokens: UploadTokenStore;
  readonly uploads: UploadStore;
  readonly clock: Clock;
  readonly limits: Limits;
  newId(): string;
  /** A secret that nobody can guess: 256 random bits or more, as text that a header takes. */
  newSecret(): string;
}

/** Tells a token from an API key, for the server and for whoever looks for secrets in logs and repositories. */
export const tokenPrefix = 'hfu_';

export class UploadTokens {
  readonly #deps: UploadTokenDependencies;

  constructor(deps: UploadTokenDependencies) {
    this.#deps = deps;
  }

  /** The secret is told once and not kept. Throws `invalid-*`, and `upload-not-found` for an upload that is not the principal's. */
  async issue(
    wish: TokenWish,
    who: { principal: string; issuer: string },
  ): Promise<{ token: UploadToken; secret: string }> {
    const { tokens, uploads, clock, limits, newId, newSecret } = this.#deps;
    // Now, when the issuer can mend it, and not when the bearer creates the upload.
    checkedMetadata(wish.metadata ?? {}, limits);
    if (wish.uploadId !== undefined) {
      const upload = await uploads.find(wish.uploadId);
      if (upload?.principal !== who.principal) throw notFound(wish.uploadId);
    }
    const secret = `${tokenPrefix}${newSecret()}`;
    const token = newUploadToken(wish, { ...who, id: newId(), digest: digestOf(secret) }, clock.now());
    await tokens.issue(token);
    return { token, secret };
  }

  /** Null when nobody issued it, or it was revoked. Expired ones are found. */
  find(secret: string): Promise<UploadToken | null> {
    return this.#deps.tokens.find(digestOf(secret));
  }

  /** Resolves to whether that issuer had issued such a token. What is already uploaded stays; nothing more is taken with the token. */
  revoke(tokenId: string, issuer: string): Promise<boolean> {
    return this.#deps.tokens.revoke(tokenId, issuer);
  }
}

function digestOf(secret: string): Sha256 {
  return createHash('sha256').update(secret).digest('hex');
}
