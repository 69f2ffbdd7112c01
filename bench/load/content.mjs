/**
 * What is sent: one buffer of random bytes that is made once, with a stamp of 16 bytes at the start of every chunk, so that no two chunks and
 * no two uploads are alike and making them costs the sender nothing.
 */
import { createHash, randomFillSync } from 'node:crypto';

const stampBytes = 16;

export class Content {
  #base;

  /** @param {number} chunkBytes the longest chunk */
  constructor(chunkBytes) {
    this.#base = randomFillSync(Buffer.allocUnsafeSlow(chunkBytes));
  }

  /** The bytes of a range within one chunk as one or two buffers. */
  bytes(upload, { start, end }) {
    const index = Math.floor(start / upload.chunkBytes);
    const from = start - index * upload.chunkBytes;
    const to = end - index * upload.chunkBytes;
    const rest = this.#base.subarray(Math.max(stampBytes, from), to);
    if (from >= stampBytes) return [rest];
    const stamp = Buffer.alloc(stampBytes);
    stamp.writeUInt32BE(upload.number, 4);
    stamp.writeUInt32BE(index, 12);
    return [stamp.subarray(from, to), rest];
  }

  /** SHA-256 of the whole, and of each chunk if asked for. Costs what hashing costs: not while something is measured. */
  digests(upload, ofChunks) {
    const whole = createHash('sha256');
    const chunks = [];
    for (const range of rangesFrom(upload, 0)) {
      const parts = this.bytes(upload, range);
      for (const part of parts) whole.update(part);
      if (ofChunks) chunks.push(parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('base64'));
    }
    return { whole: whole.digest('hex'), chunks };
  }
}

/** What is left of the upload from an offset on, chunk by chunk. */
export function rangesFrom(upload, offset) {
  const ranges = [];
  for (let index = Math.floor(offset / upload.chunkBytes); index * upload.chunkBytes < upload.size; index += 1) {
    const { start, end } = chunkRange(upload, index);
    ranges.push({ start: Math.max(start, offset), end });
  }
  return ranges;
}

export function chunkRange(upload, index) {
  const start = index * upload.chunkBytes;
  return { start, end: Math.min(start + upload.chunkBytes, upload.size) };
}
