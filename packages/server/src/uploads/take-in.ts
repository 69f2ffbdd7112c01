/**
 * A file of this machine becomes an asset without an upload. As at the end of an upload: the bytes are placed first, then one transaction
 * records the asset, its source and its runs, and here also that the file was seen. A crash in between costs reading it again, never a
 * file that counts as seen and was not accepted.
 */
import { type Asset, originOf } from '../core/asset.ts';
import { safeFilename } from '../core/filename.ts';
import { readsAsText, typeRefusal, unknownType } from '../core/media-type.ts';
import type { BlobStore } from '../core/ports/blob-store.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { BytePath, FileIntake, ReadIn } from '../core/ports/file-intake.ts';
import type { OutsideAsset, WatchStore } from '../core/ports/watch-store.ts';
import type { Sha256 } from '../core/upload.ts';
import { sameFacts, type WatchedFile, type WatchFolder } from '../core/watch.ts';
import { turnLost } from './content-turns.ts';
import type { UploadDependencies } from './dependencies.ts';
import { headBytes } from './sniffed-body.ts';

export interface TakeInDependencies
  extends Pick<UploadDependencies, 'planRuns' | 'allowedTypes' | 'sniffType' | 'newId' | 'contents'> {
  readonly intake: FileIntake;
  readonly watch: WatchStore;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly crash: CrashPoints;
  /** Told where the bytes of an asset are that stay outside of the store, once that is recorded. */
  outsideTaken(outside: OutsideAsset, path: BytePath): void;
}

export interface TakeWish {
  readonly folder: WatchFolder;
  readonly file: WatchedFile;
  readonly path: BytePath;
  /** The path as text for any bytes, as records have it. */
  readonly pathText: string;
  /** For people: the name, and the path within the folder. */
  readonly filename: string;
  readonly shownPath: string;
  /** Identifies the place as a source of the asset. */
  readonly sourceId: string;
  /** Media type by the name; `application/octet-stream` when it does not tell. */
  readonly declaredType: string;
  readonly onBytes: (bytes: number) => void;
}

export type Taken =
  /** `how` is `none` when the content was there already: nothing was read but the first bytes. */
  | { readonly kind: 'taken'; readonly assetId: Sha256; readonly how: ReadIn['how'] | 'none' }
  | { readonly kind: 'known'; readonly sha256: Sha256 }
  | { readonly kind: 'ignored'; readonly reason: string }
  /** To be looked at again: it changed under our hands, or cannot be read. */
  | { readonly kind: 'changed' | 'unreadable'; readonly reason: string };

type Content = Pick<ReadIn, 'digest' | 'size'> & { readonly how: ReadIn['how'] | 'none' };

export class TakeIn {
  readonly #deps: TakeInDependencies;

  constructor(deps: TakeInDependencies) {
    this.#deps = deps;
  }

  /** Rejects with `insufficient-storage`, `unavailable`, `storage-damaged`: the file is as it was and can be taken later. */
  async take(wish: TakeWish): Promise<Taken> {
    const { watch, blobs, intake, contents } = this.#deps;
    const type = await this.#type(wish);
    if (typeof type !== 'string') return type;
    const { facts } = wish.file;
    const cached = await watch.digestOf(facts);
    if (cached !== null) {
      const passed = await this.#passOver(wish, cached);
      if (passed) return passed;
      const known = await contents.within(cached, async (mayAct): Promise<Taken | null> => {
        if ((await blobs.assetSize(cached)) !== facts.size) return null;
        const now = await intake.facts(wish.path);
        if (now === null || !sameFacts(now, facts)) return { kind: 'changed', reason: 'it changed' };
        return await this.#register(wish, { digest: cached, size: facts.size, how: 'none' }, { type, mayAct });
      });
      if (known) return known;
    }
    return await this.#read(wish, type);
  }

  async #read(wish: TakeWish, type: string): Promise<Taken> {
    const { intake, crash, newId, contents } = this.#deps;
    const { file, folder, path, onBytes } = wish;
    const read = await intake.read({ id: newId(), path, facts: file.facts, how: folder.take, onBytes });
    if (read.kind !== 'read') return read;
    try {
      crash('watch:after-read');
      const passed = await this.#passOver(wish, read.digest);
      if (passed) return passed;
      return await contents.within(read.digest, async (mayAct) => {
        await read.place();
        crash('watch:after-place');
        return await this.#register(wish, read, { type, mayAct });
      });
    } finally {
      await read.discard();
    }
  }

  /** The type by the first bytes, or by the name where they do not tell; or why the file is not for this folder. */
  async #type({ path, folder, declaredType }: TakeWish): Promise<string | Taken> {
    const { intake, allowedTypes, sniffType } = this.#deps;
    let head: Uint8Array;
    try {
      head = await intake.head(path, headBytes);
    } catch (error) {
      return { kind: 'unreadable', reason: `it cannot be read (${(error as NodeJS.ErrnoException).code ?? error})` };
    }
    const sniffed = await sniffType(head);
    const found = sniffed === null ? (readsAsText(head) ? ('text' as const) : ('unknown' as const)) : { type: sniffed };
    // What the name says only counts where the bytes do not tell: a video that is called .bin is a video.
    const declared = sniffed === null ? declaredType : unknownType;
    const refusal = typeRefusal(declared, found, [folder.formats, allowedTypes]);
    if (refusal) return { kind: 'ignored', reason: refusal.message };
    return sniffed ?? declaredType;
  }

  /** Contents that an older system processed, and what our own steps produced. */
  async #passOver({ file }: TakeWish, digest: Sha256): Promise<Taken | null> {
    const { watch, clock } = this.#deps;
    if ((await watch.processed(digest))?.imported === true) {
      const taken = await watch.takeKnown(file, digest, clock.now());
      return taken === 'changed' ? { kind: 'changed', reason: 'it changed' } : { kind: 'known', sha256: digest };
    }
    if (await watch.isArtifact(digest)) return { kind: 'ignored', reason: 'a result of the pipeline' };
    return null;
  }

  async #register(
    wish: TakeWish,
    content: Content,
    { type: contentType, mayAct }: { readonly type: string; readonly mayAct: () => boolean },
  ): Promise<Taken> {
    const { watch, clock, crash, planRuns, outsideTaken } = this.#deps;
    const { folder, file, filename, shownPath, sourceId } = wish;
    const now = clock.now();
    const asset: Asset = { id: content.digest, size: content.size, contentType, createdAt: now };
    const outside = content.how === 'in-place' ? { assetId: asset.id, path: wish.pathText, facts: file.facts } : null;
    const source = {
      assetId: asset.id,
      principal: folder.principal,
      uploadId: sourceId,
      filename,
      safeName: safeFilename(filename),
      metadata: folder.metadata,
      addedAt: now,
      watched: { folder: folder.path, path: shownPath },
    };
    if (!mayAct()) throw turnLost();
    const taken = await watch.take({ file, asset, source, runs: planRuns(asset, originOf(source)), outside, now });
    if (taken === 'changed') return { kind: 'changed', reason: 'it changed while it was taken' };
    crash('watch:after-commit');
    if (outside) outsideTaken(outside, wish.path);
    return { kind: 'taken', assetId: asset.id, how: content.how };
  }
}
