/** A range of a stored file as a stream. */
import { constants, createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { HoldfastError } from '../../core/errors.ts';
import type { Range } from '../../core/extents.ts';
import type { FileIo } from './file-io.ts';
import { translated } from './io-errors.ts';

/** Bytes per read: larger than Node's 64 KiB, fewer trips to the thread pool. */
const readBytes = 256 * 1024;

/** Opens first, so that a missing or short file rejects (`storage-damaged`) before a caller has sent a status line. */
export async function fileStream(io: FileIo, path: string, range: Range | null): Promise<Readable> {
  return translated('opening a stored file', async () => {
    const fd = await io.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const facts = io.facts(fd);
    const wanted = range ?? { start: 0, end: facts.size };
    const whole = facts.isFile && wanted.end <= facts.size;
    if (whole && wanted.start < wanted.end) {
      return createReadStream('', { fd, start: wanted.start, end: wanted.end - 1, highWaterMark: readBytes });
    }
    await io.close(fd);
    if (!whole) throw new HoldfastError('storage-damaged', 'A stored file is shorter than recorded');
    return Readable.from([]);
  });
}
