/** Checks of upload stores: upload tokens, and the conditions that hold in the transaction that creates an upload. */
import { expect } from 'vitest';
import { newUploadToken, type TokenWish, type UploadToken } from '../core/grant.ts';
import type { UploadTokenStore } from '../core/ports/upload-token-store.ts';
import { sampleEvent, sampleUpload, sha256Of, someTime, unique } from './sample-upload.ts';
import { created, phases } from './upload-store-decisions.ts';
import type { UploadStoreCheck } from './upload-store-subject.ts';

const plenty = 1_000_000;

async function issued(tokens: UploadTokenStore, wish: Partial<TokenWish> = {}): Promise<UploadToken> {
  const identity = { id: unique('token'), digest: sha256Of(unique('secret')), principal: 'ana/bob', issuer: 'ana' };
  const token = newUploadToken({ ttlMs: 3_600_000, ...wish }, identity, someTime);
  await tokens.issue(token);
  return token;
}

export const tokenChecks: readonly UploadStoreCheck[] = [
  {
    name: 'a token is found by its digest with all that was asked for, in every process',
    run: async ({ tokens, otherTokens }) => {
      const plain = await issued(tokens);
      const full = await issued(tokens, {
        sizeMax: 2 ** 52 + 1,
        types: ['audio/*', 'video/mp4'],
        filename: 'Größe "1".wav',
        metadata: { case: '7/ü' },
        uploadId: 'u',
      });
      for (const store of [tokens, otherTokens]) {
        expect(await store.find(plain.digest)).toEqual(plain);
        expect(await store.find(full.digest)).toEqual(full);
        expect(await store.find(sha256Of('nobody'))).toBeNull();
      }
    },
  },
  {
    name: 'a token creates one upload, in however many processes it is used at once',
    run: async ({ store, other, tokens, otherTokens }) => {
      for (let round = 0; round < 5; round += 1) {
        const { tokenId, digest } = await issued(tokens);
        const uploads = Array.from({ length: 8 }, () => sampleUpload());
        const writes = [{ type: 'consume-token', tokenId }] as const;
        const made = await Promise.allSettled(
          uploads.map((upload, i) => (i % 2 === 0 ? store : other).create(upload, [sampleEvent()], writes, plenty)),
        );
        const winners = uploads.filter((_, i) => made[i]?.status === 'fulfilled');
        expect(winners).toHaveLength(1);
        const uploadId = winners[0]?.id;
        for (const result of made)
          if (result.status === 'rejected')
            expect(result.reason).toMatchObject({ code: 'token-used', details: { uploadId } });
        for (const upload of uploads) expect((await store.find(upload.id)) !== null).toBe(upload.id === uploadId);
        expect((await otherTokens.find(digest))?.uploadId).toBe(uploadId);
        await expect(store.create(sampleUpload(), [], writes, plenty)).rejects.toMatchObject({ code: 'token-used' });
      }
    },
  },
  {
    name: 'a creation that is refused leaves its token unused',
    run: async ({ store, tokens }) => {
      const { tokenId, digest } = await issued(tokens);
      const writes = [
        { type: 'consume-token', tokenId },
        { type: 'limit-live-bytes', bytesMax: 1 },
      ] as const;
      await expect(store.create(sampleUpload(), [], writes, plenty)).rejects.toMatchObject({ code: 'quota-exceeded' });
      expect(await store.create(sampleUpload(), [], writes, 0)).toBe(false);
      expect((await tokens.find(digest))?.uploadId).toBeNull();
    },
  },
  {
    name: 'a revoked token creates nothing; only its issuer can revoke it',
    run: async ({ store, tokens, otherTokens }) => {
      const token = await issued(tokens);
      expect(await otherTokens.revoke(token.tokenId, 'somebody')).toBe(false);
      expect(await otherTokens.revoke(token.tokenId, 'ana')).toBe(true);
      expect(await otherTokens.revoke(token.tokenId, 'ana')).toBe(false);
      expect(await tokens.find(token.digest)).toBeNull();
      const upload = sampleUpload();
      const writes = [{ type: 'consume-token', tokenId: token.tokenId }] as const;
      await expect(store.create(upload, [], writes, plenty)).rejects.toMatchObject({ code: 'token-used' });
      expect(await store.find(upload.id)).toBeNull();
    },
  },
  {
    name: 'tokens that expired long ago are purged, and no others',
    run: async ({ tokens }) => {
      const old = await issued(tokens, { ttlMs: -2_000 });
      const older = await issued(tokens, { ttlMs: -3_000 });
      const fresh = await issued(tokens, { ttlMs: -1_000 });
      expect(await tokens.purge(someTime - 1_000, 1)).toBe(1);
      expect(await tokens.find(older.digest)).toBeNull();
      expect(await tokens.purge(someTime - 1_000, 100)).toBe(1);
      expect(await tokens.find(old.digest)).toBeNull();
      expect(await tokens.find(fresh.digest)).toEqual(fresh);
      await tokens.revoke(fresh.tokenId, 'ana');
    },
  },
];

export const quotaChecks: readonly UploadStoreCheck[] = [
  {
    name: 'create refuses more bytes of live uploads than allowed, also when they come at once',
    run: async ({ store, other }) => {
      const principal = unique('principal');
      for (const phase of phases.slice(4)) await created(store, { principal, phase, size: 10_000 });
      await created(store, { principal: unique('principal'), size: 10_000 });
      await created(store, { principal, size: null, receivedBytes: 50 });
      const uploads = Array.from({ length: 10 }, () => sampleUpload({ principal, size: 100 }));
      const writes = [{ type: 'limit-live-bytes', bytesMax: 350 }] as const;
      const made = await Promise.allSettled(
        uploads.map((upload, i) => (i % 2 === 0 ? store : other).create(upload, [sampleEvent()], writes, plenty)),
      );
      expect(made.filter((one) => one.status === 'fulfilled')).toHaveLength(3);
      for (const [i, upload] of uploads.entries()) {
        const result = made[i];
        if (result?.status !== 'rejected') continue;
        expect(result.reason).toMatchObject({ code: 'quota-exceeded', details: { liveBytesMax: 350 } });
        expect(await store.find(upload.id)).toBeNull();
      }
    },
  },
];
