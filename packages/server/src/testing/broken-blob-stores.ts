/** Blob stores that break one obligation each: the suite has to fail on every one of them, or it checks nothing. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { withFaults } from '../blobs/with-faults.ts';
import { HoldfastError } from '../core/errors.ts';
import type { BlobStore, WriteRequest } from '../core/ports/blob-store.ts';
import type { BodySource } from '../core/ports/body-source.ts';
import { bodyOf } from './body.ts';

/** A copy of a sound store with one method (or two) replaced by a broken one. */
export type Breakage = (sound: BlobStore) => BlobStore;

const damaged = () => new HoldfastError('storage-damaged', 'broken on purpose');
const emptyDigest = createHash('sha256').digest('hex');

function overriding(change: (sound: BlobStore) => Partial<BlobStore>): Breakage {
  return (sound) => ({ ...withFaults(sound, {}), ...change(sound) });
}

/** Resolves as if all were well when the sound store rejects with one of the codes. */
function acknowledging(...codes: readonly string[]): Breakage {
  return overriding((sound) => ({
    write: (request) =>
      sound.write(request).catch((error: unknown) => {
        if (error instanceof HoldfastError && codes.includes(error.code)) return { crc32: 0, digests: [] };
        throw error;
      }),
  }));
}

function changingBody(change: (body: BodySource) => BodySource): Breakage {
  return overriding((sound) => ({ write: (request) => sound.write({ ...request, body: change(request.body) }) }));
}

async function* nothing(): AsyncIterable<string> {}

/** Writes a byte after the range when the body was too long or too short, as a writer that checks too late does. */
async function spill(sound: BlobStore, request: WriteRequest): Promise<void> {
  const body = bodyOf(new Uint8Array([0x5a]));
  await sound.write({
    uploadId: request.uploadId,
    offset: request.offset + request.length,
    length: 1,
    body,
    digests: [],
  });
}

function remembersDigests(sound: BlobStore): Partial<BlobStore> {
  const digests = new Map<string, Promise<string>>();
  return {
    digest: (id, size) => {
      const digest = digests.get(id) ?? sound.digest(id, size);
      digests.set(id, digest);
      return digest;
    },
  };
}

function trustsHashAhead(sound: BlobStore): Partial<BlobStore> {
  const upTo = new Map<string, number>();
  return {
    hashAhead: (id, bytes) => void upTo.set(id, bytes),
    digest: (id, size, algorithm) => sound.digest(id, upTo.get(id) ?? size, algorithm),
  };
}

function placesOnce(sound: BlobStore): Partial<BlobStore> {
  const placed = new Set<string>();
  return {
    place: async (id, size, digest) => {
      if (placed.has(id)) throw damaged();
      placed.add(id);
      await sound.place(id, size, digest);
    },
  };
}

export const brokenBlobStores: Readonly<Record<string, Breakage>> = {
  acknowledgesShortBodies: acknowledging('body-too-short'),
  acknowledgesLongBodies: acknowledging('body-too-long'),
  acknowledgesStalledBodies: acknowledging('body-timeout'),
  acknowledgesLateWriters: acknowledging('unavailable', 'storage-damaged'),
  writesPastTheRange: overriding((sound) => ({
    write: (request) =>
      sound.write(request).catch(async (error: unknown) => {
        await spill(sound, request);
        throw error;
      }),
  })),
  keepsBatches: changingBody((body) => ({
    next: async () => {
      const batch = await body.next();
      return batch === null ? null : { ...batch, release: () => {} };
    },
    abandon: () => body.abandon(),
  })),
  usesReleasedBatches: changingBody((body) => ({
    next: async () => {
      const batch = await body.next();
      batch?.release();
      return batch === null ? null : { ...batch, release: () => {} };
    },
    abandon: () => body.abandon(),
  })),
  appendsAllOrNothing: overriding((sound) => ({
    append: async (request) => {
      const appended = await sound.append(request);
      return appended.end instanceof HoldfastError ? { ...appended, length: 0, crc32: 0 } : appended;
    },
  })),
  hidesHowItEnded: overriding((sound) => ({
    append: async (request) => ({ ...(await sound.append(request)), end: 'body' as const }),
  })),
  appendsWithoutEnd: overriding((sound) => ({
    append: (request) => sound.append({ ...request, isEnough: () => false, lengthMax: 2 ** 40, mayWrite: () => true }),
  })),
  appendsAtTheStart: overriding((sound) => ({ append: (request) => sound.append({ ...request, offset: 0 }) })),
  createsAtAppend: overriding((sound) => ({
    append: async (request) => {
      await sound.prepare(request.uploadId, null);
      return await sound.append(request);
    },
  })),
  joinsInReverse: overriding((sound) => ({
    join: (id, wish) => sound.join(id, { ...wish, parts: [...wish.parts].reverse() }),
  })),
  joinsEachOnce: overriding((sound) => ({
    join: (id, wish) => {
      const once = new Map(wish.parts.map((part) => [part.id, part]));
      return sound.join(id, { ...wish, parts: [...once.values()] });
    },
  })),
  joinsByCopyOnly: overriding((sound) => ({ join: (id, wish) => sound.join(id, { ...wish, takeFirst: false }) })),
  joinsWhatIsMissing: overriding((sound) => ({
    join: (id, wish) => sound.join(id, wish).catch(() => ({ sha256: emptyDigest, crc32: 0 })),
  })),
  isolatesNothing: overriding(() => ({ isolate: async () => {} })),
  isolatesFromScratch: overriding((sound) => ({ isolate: (id) => sound.discard(id) })),
  ignoresOffsets: overriding((sound) => ({ write: (request) => sound.write({ ...request, offset: 0 }) })),
  createsAtWrite: overriding((sound) => ({
    write: async (request) => {
      await sound.prepare(request.uploadId, null);
      return sound.write(request);
    },
  })),
  knowsOneAlgorithm: overriding((sound) => ({ digest: (id, size) => sound.digest(id, size) })),
  neverHashesAfresh: overriding((sound) => ({ hash: (id, size) => sound.hash(id, size, { fresh: false }) })),
  skipsChunkDigests: overriding((sound) => ({ write: (request) => sound.write({ ...request, digests: [] }) })),
  preparesFromScratch: overriding((sound) => ({
    prepare: async (id, size) => {
      await sound.discard(id);
      await sound.prepare(id, size);
    },
  })),
  preparesWhatCannotFit: overriding((sound) => ({ prepare: (id, size) => sound.prepare(id, size).catch(() => {}) })),
  refusesUnknownSizes: overriding((sound) => ({
    prepare: (id, size) => (size === null ? Promise.reject(damaged()) : sound.prepare(id, size)),
  })),
  remembersDigests: overriding(remembersDigests),
  trustsHashAhead: overriding(trustsHashAhead),
  digestsWhatIsMissing: overriding((sound) => ({
    digest: (id, size, algorithm) => sound.digest(id, size, algorithm).catch(() => emptyDigest),
  })),
  refusesEmptyFiles: overriding((sound) => ({
    digest: (id, size, algorithm) => (size === 0 ? Promise.reject(damaged()) : sound.digest(id, size, algorithm)),
  })),
  checksumsWhatIsMissing: overriding((sound) => ({
    checksum: async (id, range) => (await sound.checksum(id, range)) ?? 0,
  })),
  matchesAnything: overriding((sound) => ({
    compare: async (request) => {
      const comparison = await sound.compare(request);
      return comparison.same === false ? { ...comparison, same: true, crc32: 0 } : comparison;
    },
  })),
  comparesWithNothing: overriding((sound) => ({
    compare: async (request) => {
      const comparison = await sound.compare(request);
      if (comparison.same === null) throw comparison.reason;
      return comparison;
    },
  })),
  placesOnce: overriding(placesOnce),
  placesNothing: overriding((sound) => ({
    place: (id, size, digest) => sound.place(id, size, digest).catch(() => {}),
  })),
  leavesDuplicatesBehind: overriding((sound) => ({
    place: async (id, size, digest) => {
      if ((await sound.assetSize(digest)) === null) await sound.place(id, size, digest);
    },
  })),
  keepsRemovedAssets: overriding(() => ({ removeAsset: async () => {} })),
  neverDiscards: overriding(() => ({ discard: async () => {} })),
  readsOneByteLess: overriding((sound) => ({
    readAsset: (digest, range) =>
      sound.readAsset(digest, { start: range.start, end: Math.max(range.start, range.end - 1) }),
  })),
  readsMissingAssets: overriding((sound) => ({
    readAsset: (digest, range) => sound.readAsset(digest, range).catch(() => Readable.from([])),
  })),
  hashesInSilence: overriding((sound) => ({ hash: (id, size, { fresh }) => sound.hash(id, size, { fresh }) })),
  tellsWhatItReadNotWhere: overriding((sound) => ({
    hash: (id, size, wish) => sound.hash(id, size, { ...wish, onBytes: () => wish.onBytes?.(1) }),
  })),
  believesNames: overriding(() => ({ rehashAsset: async (digest) => digest })),
  listsNothing: overriding(() => ({ storedUploads: nothing, storedAssets: nothing })),
  cannotBeReached: overriding(() => ({ ping: () => Promise.reject(damaged()) })),
};
