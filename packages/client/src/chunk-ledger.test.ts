import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkLedger } from './chunk-ledger.ts';

function ledgerOf(size: number, chunkSize: number, missing?: number[]): ChunkLedger {
  const totalChunks = Math.ceil(size / chunkSize);
  const missingChunks = missing ?? Array.from({ length: totalChunks }, (_, i) => i);
  const lengthOf = (i: number) => Math.min(chunkSize, size - i * chunkSize);
  const receivedBytes = size - missingChunks.reduce((sum, i) => sum + lengthOf(i), 0);
  const receivedChunks = totalChunks - missingChunks.length;
  return new ChunkLedger({
    size,
    chunkSize,
    totalChunks,
    receivedBytes,
    receivedChunks,
    missingChunks,
    missingTruncated: false,
  });
}

test('gives what is missing, in order, and only that', () => {
  const ledger = ledgerOf(1_050, 100, [7, 2, 10]);
  expect(ledger.acknowledgedBytes).toBe(800);
  expect([ledger.take(), ledger.take(), ledger.take(), ledger.take()]).toEqual([
    { index: 2, start: 200, end: 300 },
    { index: 7, start: 700, end: 800 },
    { index: 10, start: 1_000, end: 1_050 },
    null,
  ]);
});

test('an empty file has nothing to send', () => {
  expect(ledgerOf(0, 100).take()).toBeNull();
});

test('any order of sending, failing, stopping and overtaking receipts: each chunk in one place, sums right', () => {
  const action = fc.tuple(fc.constantFrom('take', 'ack', 'progress', 'drop'), fc.nat(), fc.nat({ max: 150 }));
  fc.assert(
    fc.property(
      fc.nat({ max: 2_000 }),
      fc.integer({ min: 1, max: 300 }),
      fc.array(action, { maxLength: 80 }),
      (size, chunkSize, actions) => {
        const ledger = ledgerOf(size, chunkSize);
        const inFlight: number[] = [];
        const acknowledged = new Set<number>();
        let acknowledgedBytes = 0;
        for (const [name, pick, bytes] of actions) {
          const index = inFlight[pick % Math.max(1, inFlight.length)];
          if (name === 'take') {
            const span = ledger.take();
            if (span === null) continue;
            expect(inFlight).not.toContain(span.index);
            expect(acknowledged).not.toContain(span.index);
            inFlight.push(span.index);
          } else if (name === 'drop') {
            ledger.dropInFlight();
            inFlight.length = 0;
          } else if (index === undefined) continue;
          else if (name === 'progress') ledger.progress(index, bytes);
          else {
            const { start, end } = ledger.span(index);
            acknowledged.add(index);
            acknowledgedBytes += end - start;
            inFlight.splice(inFlight.indexOf(index), 1);
            ledger.acknowledge(index, acknowledgedBytes);
          }
          expect(ledger.acknowledgedBytes).toBe(acknowledgedBytes);
          expect(ledger.acknowledgedChunks).toBe(acknowledged.size);
          expect(ledger.toSendCount + inFlight.length + acknowledged.size).toBe(ledger.totalChunks);
          expect(ledger.inFlightBytes).toBeLessThanOrEqual(size - acknowledgedBytes);
        }
      },
    ),
  );
});

test('receipts that overtake each other never lower the count', () => {
  const ledger = ledgerOf(300, 100);
  ledger.take();
  ledger.take();
  ledger.acknowledge(1, 200);
  ledger.acknowledge(0, 100);
  expect(ledger.acknowledgedBytes).toBe(200);
  ledger.acknowledge(0, 300);
  expect(ledger.acknowledgedBytes).toBe(200);
});
