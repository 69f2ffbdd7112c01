import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { BodyRoom } from './body-room.ts';
import type { DirectConnection } from './direct-connection.ts';
import { DirectReads } from './direct-reads.ts';
import { ReadMemory } from './read-memory.ts';

const KiB = 1024;

/** Reads of a body whose taker stops reading whenever it gets something; `calls` of the connection. */
function pausing(bytes: number) {
  const calls: string[] = [];
  const connection = {
    begin: () => calls.push('begin'),
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    stop: () => calls.push('stop'),
  } as unknown as DirectConnection;
  const taken: number[] = [];
  const taker = {
    touched: () => {},
    enough: () => false,
    data: (data: Uint8Array) => {
      taken.push(data.length);
      reads.pause();
    },
    ended: () => taken.push(0),
  };
  const parts = { request: new IncomingMessage(new Socket()), connection, taker };
  const reads = new DirectReads({ ...parts, room: new BodyRoom(3), read: new ReadMemory() }, bytes);
  const come = (count: number, last: boolean) => {
    expect(reads.room().length).toBeGreaterThanOrEqual(count);
    reads.filled(count, last);
  };
  return { reads, come, calls, taken };
}

test('a body that is over does not hold up its connection, which has the next request', () => {
  const { reads, come, calls, taken } = pausing(256 * KiB + 5);
  come(256 * KiB, false);
  expect([calls, taken]).toEqual([['begin', 'pause'], [256 * KiB]]);
  reads.resume();
  come(5, true);
  reads.stop();
  expect([calls, taken]).toEqual([
    ['begin', 'pause', 'resume'],
    [256 * KiB, 5, 0],
  ]);
});

test('a body that is left lets its connection go on', () => {
  const { reads, come, calls } = pausing(1024 * KiB);
  come(256 * KiB, false);
  reads.stop();
  expect(calls).toEqual(['begin', 'pause', 'stop', 'resume']);
});

test('memory is used again when it is back, once, and none of it that may still be written to', () => {
  const memory = new ReadMemory();
  const [a, b, c] = [memory.take(KiB), memory.take(KiB), memory.take(KiB)];
  memory.forget(b);
  const given = [a, a, b, new Uint8Array(KiB)].map((piece) => memory.give(piece));
  expect(given).toEqual([true, false, false, false]);
  expect(memory.take(KiB).buffer).toBe(a.buffer);
  expect([a.buffer, b.buffer, c.buffer]).not.toContain(memory.take(KiB).buffer);
});

test('memory beyond the bound is freed when it is back, whatever its size', () => {
  const memory = new ReadMemory();
  const large = Array.from({ length: 20 }, () => memory.take(1024 * KiB));
  for (const piece of large) memory.give(piece);
  expect(large.filter((piece) => piece.byteLength > 0).length).toBe(12);
  // What is wanted now takes the room of what was wanted before.
  for (let count = 0; count < 64; count += 1) memory.take(256 * KiB);
  expect(large.filter((piece) => piece.byteLength > 0)).toEqual([]);
});
