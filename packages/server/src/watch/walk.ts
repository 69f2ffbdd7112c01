/**
 * One pass over a folder: names and `lstat`, directory by directory. No file is opened, links are not followed, and at most one
 * directory's names are in memory.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { dirBytesMax, type FileFacts, isTemporaryName } from '../core/watch.ts';
import { joinBytes, joinText, nameToText, textToName } from './names.ts';

export interface Found {
  /** As text for any bytes. */
  readonly name: string;
  readonly facts: FileFacts;
}

export type WalkStep =
  /** Some of the files of a directory. */
  | { readonly kind: 'files'; readonly dir: string; readonly files: readonly Found[] }
  /** A directory is through; `names` has every name in it, of whatever sort; `inode` tells it from another one that takes its place. */
  | { readonly kind: 'directory'; readonly dir: string; readonly inode: string; readonly names: ReadonlySet<string> }
  /** A directory that cannot be listed, or something of which nothing can be told: neither it nor what is in it is known to be gone. */
  | { readonly kind: 'unreadable'; readonly dir: string; readonly code: string };

export interface WalkOptions {
  readonly root: string;
  /** Of the root, as in the steps. */
  readonly inode: string;
  readonly recursive: boolean;
  /** Whether to stay out of a directory: our own folders. Absolute path. */
  skips(path: Buffer): boolean;
  /** Asked before each directory. */
  stopped(): boolean;
}

/** Looked at together: enough to keep the system busy, few enough to hold. */
const batch = 256;

export async function* walk(options: WalkOptions): AsyncGenerator<WalkStep> {
  const root = Buffer.from(options.root);
  const open = [{ dir: '', inode: options.inode }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (options.stopped()) return;
    const { dir, inode } = next;
    if (Buffer.byteLength(dir) > dirBytesMax) {
      yield { kind: 'unreadable', dir, code: 'ENAMETOOLONG' };
      continue;
    }
    const path = joinBytes(root, textToName(dir));
    let names: Buffer[];
    try {
      names = await readdir(path, { encoding: 'buffer' });
    } catch (error) {
      yield { kind: 'unreadable', dir, code: codeOf(error) };
      continue;
    }
    for (let start = 0; start < names.length; start += batch) {
      const files: Found[] = [];
      const some = names.slice(start, start + batch).filter((name) => !isTemporaryName(name.toString('utf8')));
      const stats = await Promise.all(some.map((name) => statOrCode(joinBytes(path, name))));
      const hidden: WalkStep[] = [];
      stats.forEach((stat, i) => {
        const name = some[i];
        if (!name) return;
        if (typeof stat === 'string') {
          if (!isGone.has(stat)) hidden.push({ kind: 'unreadable', dir: joinText(dir, nameToText(name)), code: stat });
        } else if (stat.isFile()) files.push({ name: nameToText(name), facts: factsFrom(stat) });
        else if (stat.isDirectory() && options.recursive && !options.skips(joinBytes(path, name)))
          open.push({ dir: joinText(dir, nameToText(name)), inode: `${stat.dev}:${stat.ino}` });
      });
      yield* hidden;
      if (files.length > 0) yield { kind: 'files', dir, files };
    }
    yield { kind: 'directory', dir, inode, names: new Set(names.map(nameToText)) };
  }
}

const isGone = new Set(['ENOENT', 'ENOTDIR']);

async function statOrCode(path: Buffer): Promise<BigIntStats | string> {
  return await lstat(path, { bigint: true }).catch(codeOf);
}

export function factsFrom(stats: BigIntStats): FileFacts {
  return {
    device: String(stats.dev),
    inode: String(stats.ino),
    size: Number(stats.size),
    mtimeNs: String(stats.mtimeNs),
    ctimeNs: String(stats.ctimeNs),
  };
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
