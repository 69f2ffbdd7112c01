import { crc32 } from '@node-rs/crc32';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32OfAll, joinedCrc32 } from './crc32.ts';

test('the checksum of two runs behind each other follows from those of each', () => {
  const bytes = fc.uint8Array({ maxLength: 3_000 });
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const whole = crc32(Buffer.concat([a, b]));
      expect(joinedCrc32(crc32(a), crc32(b), b.byteLength)).toBe(whole);
    }),
    { numRuns: 300 },
  );
});

test('the checksum of any number of runs', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (runs) => {
      expect(crc32OfAll(runs.map((run) => ({ crc32: crc32(run), length: run.byteLength })))).toBe(
        crc32(Buffer.concat(runs)),
      );
    }),
    { numRuns: 300 },
  );
});

test('also of long runs', () => {
  const a = Buffer.alloc(1_000_003, 'first');
  const b = Buffer.alloc(33_554_433, 'second');
  expect(joinedCrc32(crc32(a), crc32(b), b.byteLength)).toBe(crc32(Buffer.concat([a, b])));
});
