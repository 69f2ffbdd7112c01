/** Upload tokens. That a token is used once is decided by `consume-token` in the transaction that creates the upload: see `UploadStore`. */
import type { UploadToken } from '../grant.ts';
import type { Millis, Sha256 } from '../upload.ts';

export interface UploadTokenStore {
  /** Durable when it resolves. */
  issue(token: UploadToken): Promise<void>;
  /** By the digest of the secret. Expired ones are found too; every process sees what another one changed. */
  find(digest: Sha256): Promise<UploadToken | null>;
  /** Deletes the token if that issuer made it; resolves to whether there was one. */
  revoke(tokenId: string, issuer: string): Promise<boolean>;
  /** Deletes tokens that expired before the time; resolves to how many. */
  purge(expiredBefore: Millis, limit: number): Promise<number>;
}
