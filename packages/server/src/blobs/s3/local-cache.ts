/**
 * Files of the bucket that local tools read: `<folder>/<sha256>/<name>`, downloaded once for all steps that want them, checked against their
 * SHA-256, synced before they get their name. Bounded in bytes, least recently used first; what is in use stays, however large.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LocalFile } from '../../core/ports/local-file.ts';
import type { Sha256 } from '../../core/upload.ts';
import { translated } from '../disk/io-errors.ts';
import { isDigest } from '../disk/layout.ts';
import type { Bucket } from './bucket.ts';
import { nonce } from './keys.ts';
import { objectBytes } from './piece-reader.ts';

export interface Wanted {
  readonly sha256: Sha256;
  readonly size: number;
  /** The last part of its path. */
  readonly name: string;
  readonly key: string;
}

interface Entry {
  readonly path: string;
  readonly size: number;
  users: number;
  /** Nobody is to find it any more. */
  forgotten?: true;
  /** Being looked for, and downloaded if it is not there. */
  coming: Promise<void> | null;
}

export class LocalCache {
  readonly #folder: string;
  readonly #bucket: Bucket;
  readonly #bytesMax: number;
  readonly #clock: Clock;
  /** By path, least recently used first. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: { folder: string; bucket: Bucket; bytesMax: number; clock: Clock }) {
    this.#folder = options.folder;
    this.#bucket = options.bucket;
    this.#bytesMax = options.bytesMax;
    this.#clock = options.clock;
  }

  /** Bytes of files that are there. */
  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, entry) => sum + entry.size, 0);
  }

  /** Makes the folder, and takes up what an earlier process left in it. */
  async open(): Promise<void> {
    await translated('opening the cache', async () => {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const found: { path: string; size: number; usedAt: number }[] = [];
      for (const digest of await readdir(this.#folder)) {
        const folder = join(this.#folder, digest);
        const names = isDigest(digest) ? await readdir(folder) : [];
        if (names.length === 0) await rm(folder, { recursive: true, force: true });
        for (const name of names) {
          const { size, mtimeMs } = await stat(join(folder, name));
          found.push({ path: join(folder, name), size, usedAt: mtimeMs });
        }
      }
      for (const { path, size } of found.sort((a, b) => a.usedAt - b.usedAt))
        this.#entries.set(path, { path, size, users: 0, coming: null });
      await this.#shrink();
    });
  }

  /** Rejects with `storage-damaged` when the object is not there or is not what its name says, `insufficient-storage`, `unavailable`. */
  async file(wanted: Wanted): Promise<LocalFile> {
    const path = join(this.#folder, wanted.sha256, wanted.name);
    const entry = this.#entries.get(path) ?? { path, size: wanted.size, users: 0, coming: null };
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    entry.users += 1;
    try {
      entry.coming ??= translated('fetching a file for a step', () => this.#bring(wanted, entry)).finally(() => {
        entry.coming = null;
      });
      await entry.coming;
    } catch (error) {
      entry.users -= 1;
      if (entry.users === 0 && this.#entries.get(path) === entry) this.#entries.delete(path);
      throw error;
    }
    let held = true;
    return {
      path,
      release: async () => {
        if (!held) return;
        held = false;
        entry.users -= 1;
        if (entry.forgotten && entry.users === 0 && !this.#entries.has(path)) await rm(path, { force: true });
        await this.#shrink();
      },
    };
  }

  /** Removes the files of a content; what a step reads at the moment goes when it lets go of it. */
  forget(sha256: Sha256): void {
    for (const [path, entry] of this.#entries) {
      if (dirname(path) !== join(this.#folder, sha256)) continue;
      this.#entries.delete(path);
      entry.forgotten = true;
      if (entry.users === 0) rmSync(path, { force: true });
    }
  }

  /** Whoever cleans the disk up may have removed it. */
  async #bring(wanted: Wanted, entry: Entry): Promise<void> {
    const found = await stat(entry.path).catch(() => null);
    if (found?.isFile() !== true || found.size !== wanted.size) await this.#fetch(wanted, entry);
  }

  async #fetch(wanted: Wanted, entry: Entry): Promise<void> {
    const part = join(this.#folder, `${nonce()}.part`);
    await this.#shrink();
    try {
      const file = await open(part, 'wx', 0o600);
      try {
        await this.#download(wanted, file);
        await file.sync();
      } finally {
        await file.close();
      }
      // Nothing comes between the two: what else is in the folder may be removed, and the folder with it.
      mkdirSync(dirname(entry.path), { recursive: true, mode: 0o700 });
      renameSync(part, entry.path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  async #download({ key, size, sha256 }: Wanted, file: FileHandle): Promise<void> {
    const hash = createHash('sha256');
    if (size > 0)
      for await (const bytes of objectBytes(this.#bucket, { key, range: { start: 0, end: size } })) {
        hash.update(bytes);
        // Behind what is there, and all of it: `write` may take a part when the disk fills up, and say so only in its answer.
        await file.writeFile(bytes);
      }
    const found = hash.digest('hex');
    if (found === sha256) return;
    throw new HoldfastError(
      'storage-damaged',
      'An object in the store does not have the content that it was stored with.',
      {
        details: { expected: sha256, found },
      },
    );
  }

  /**
   * Removes what was not used for the longest time, until the rest fits. What goes loses its name at once, so that whoever comes while it is
   * being removed downloads it anew. Files of one content under other names stay.
   */
  async #shrink(): Promise<void> {
    let bytes = this.bytes;
    const leaving: string[] = [];
    for (const [path, entry] of this.#entries) {
      if (bytes <= this.#bytesMax) break;
      if (entry.users > 0) continue;
      this.#entries.delete(path);
      bytes -= entry.size;
      const leaves = join(this.#folder, `${nonce()}.gone`);
      try {
        renameSync(path, leaves);
        leaving.push(leaves);
        rmdirSync(dirname(path));
      } catch {
        // It is gone already, or its folder has other files.
      }
    }
    await Promise.all(leaving.map((path) => rm(path, { force: true }).catch(() => {})));
  }

  /** Notes when files were used, for the next process. */
  async close(): Promise<void> {
    const now = this.#clock.now() / 1000;
    const paths = [...this.#entries.keys()];
    await Promise.all(paths.map((path, i) => utimes(path, now, now - paths.length + i).catch(() => {})));
  }
}
