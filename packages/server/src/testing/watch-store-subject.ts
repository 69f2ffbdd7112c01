/** Records of watched folders, as the suite of `WatchStore` needs them. */
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { TakeOrder, WatchStore } from '../core/ports/watch-store.ts';
import type { FileFacts, WatchedFile } from '../core/watch.ts';
import { samplePlan, sampleStep, sha256Of, someTime, unique } from './sample-upload.ts';

export interface WatchStores {
  readonly watch: WatchStore;
  readonly uploads: UploadStore;
  readonly ledger: LedgerStore;
}

export const principal = 'watcher';

export function sampleFacts(given: Partial<FileFacts> = {}): FileFacts {
  const inode = String(2n ** 63n + BigInt(Math.floor(Number(unique('n').replace(/\D/g, '').slice(-9)))));
  return {
    device: '64769',
    inode,
    size: 2 ** 40,
    mtimeNs: '1795258736619123457',
    ctimeNs: '1795258736619123458',
    ...given,
  };
}

export function sampleFile(given: Partial<WatchedFile> = {}): WatchedFile {
  return {
    folderId: unique('folder'),
    dir: 'sub/dir',
    name: "it's 100%25\n名.mp4",
    facts: sampleFacts(),
    state: 'waiting',
    reason: 'it has to be still',
    quietSince: 123_456,
    boot: 'boot-1',
    attempts: 0,
    notBefore: 0,
    seenAt: someTime,
    sha256: null,
    takenAt: null,
    outcome: null,
    endedAt: null,
    movedTo: null,
    missing: false,
    ...given,
  };
}

export function orderOf(file: WatchedFile, given: Partial<TakeOrder> = {}): TakeOrder {
  const id = sha256Of(unique('content'));
  const asset = { id, size: file.facts.size, contentType: 'video/mp4', createdAt: someTime };
  const source = {
    assetId: id,
    principal,
    uploadId: unique('watch'),
    filename: 'talk.mp4',
    safeName: 'talk.mp4',
    metadata: { tema: 'x' },
    addedAt: someTime,
    watched: { folder: '/in', path: 'sub/dir/talk.mp4' },
  };
  return { file, asset, source, runs: [samplePlan([sampleStep('probe')])], outside: null, now: someTime + 5, ...given };
}

export async function saved(watch: WatchStore, given: Partial<WatchedFile> = {}): Promise<WatchedFile> {
  const file = sampleFile(given);
  await watch.save([file]);
  return file;
}
