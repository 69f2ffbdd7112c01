import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteRanges } from './byte-ranges.ts';

test('C14: covers exactly the bytes that were added, in any order and twice', () => {
  const span = fc.tuple(fc.nat(40), fc.nat(10)).map(([start, length]) => ({ start, end: start + length }));
  fc.assert(
    fc.property(fc.array(span, { maxLength: 12 }), span, (added, asked) => {
      const ranges = new ByteRanges();
      const model = new Set<number>();
      for (const { start, end } of added) {
        ranges.add({ start, end });
        for (let at = start; at < end; at += 1) model.add(at);
      }
      expect(ranges.bytes).toBe(model.size);
      const wanted = Array.from({ length: asked.end - asked.start }, (_, i) => asked.start + i);
      expect(ranges.covers(asked)).toBe(wanted.every((at) => model.has(at)));
    }),
  );
});
