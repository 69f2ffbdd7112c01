/**
 * Fills the page cache, as it is on a server that has been up for a day: what a row writes then takes the place of old pages.
 *
 * A virtual machine whose memory is mostly free gets pages from its host one by one when they are first touched, and gives back what is
 * freed. That costs whoever writes up to 2 CPU s/GiB (measured), more than all that is compared here, and draws every ratio to 1.
 */
import { closeSync, openSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';

const stepBytes = 1024 * 1024;
/** Rows that write less than this do not notice. */
const rowBytesMin = 256 * 1024 * 1024;

export class PageCache {
  #file;

  /** A file of holes, as long as memory: it takes no room on the disk, but pages once it is read. */
  constructor(folder) {
    this.#file = join(folder, 'page-cache');
    writeFileSync(this.#file, '');
    truncateSync(this.#file, totalmem());
  }

  /** Reads the file: a few seconds, the first time up to a minute. */
  fillFor({ uploads = 1, bytes }) {
    if (uploads * bytes < rowBytesMin) return;
    const buffer = Buffer.allocUnsafeSlow(stepBytes);
    const file = openSync(this.#file, 'r');
    try {
      while (readSync(file, buffer) > 0);
    } finally {
      closeSync(file);
    }
  }
}
