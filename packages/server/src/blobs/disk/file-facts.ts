/** What `lstat` tells of a file, exactly. */
import type { BigIntStats } from 'node:fs';
import type { FileFacts } from '../../core/watch.ts';

export function factsFrom(stats: BigIntStats): FileFacts {
  return {
    device: String(stats.dev),
    inode: String(stats.ino),
    size: Number(stats.size),
    mtimeNs: String(stats.mtimeNs),
    ctimeNs: String(stats.ctimeNs),
  };
}
