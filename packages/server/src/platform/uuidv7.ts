/** Ids that sort by the time they were made: UUID version 7, RFC 9562 section 5.7. */
import { randomFillSync } from 'node:crypto';

/** What an id is made from; tests pass their own. */
export interface UuidSources {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Fills the bytes with random ones from a cryptographic source. */
  fill(bytes: Uint8Array): void;
}

const systemSources: UuidSources = {
  now: () => Date.now(),
  fill: (bytes) => {
    randomFillSync(bytes);
  },
};

/**
 * A source of ids. Within one process each is greater than the one before, also when several are made in one millisecond or the clock
 * goes back: the 12 bits of rand_a are a counter (section 6.2, method 1) that starts at random in its lower half and carries into the time.
 */
export function uuidv7Source(sources: UuidSources = systemSources): () => string {
  let lastMs = 0;
  let counter = 0;
  const bytes = Buffer.alloc(16);
  return () => {
    sources.fill(bytes);
    const now = sources.now();
    if (now > lastMs) {
      lastMs = now;
      counter = bytes.readUInt16BE(6) & 0x7ff;
    } else if (counter < 0xfff) {
      counter += 1;
    } else {
      lastMs += 1;
      counter = bytes.readUInt16BE(6) & 0x7ff;
    }
    bytes.writeUIntBE(lastMs, 0, 6);
    bytes.writeUInt16BE(0x7000 | counter, 6);
    bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
    const hex = bytes.toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  };
}

/** A new id from the system's clock and random numbers: 36 characters, lower case. */
export const uuidv7: () => string = uuidv7Source();
