/**
 * tus over connections that break at random bytes, thousands of times: the offset never goes back, never goes beyond what was sent, and the
 * digest is right. TUS_CUT_SEED repeats a run, TUS_CUTS says how many cuts (2,000).
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { patternBytes } from '../src/testing/body.ts';
import { RunningNode, sha256 } from './running-node.ts';
import { begun, bytesType, chunk, createUpload, offsetOf, patchUpload, tus } from './tus-client.ts';

const seed = Number(process.env['TUS_CUT_SEED'] ?? Date.now() % 1_000_000);
const cuts = Number(process.env['TUS_CUTS'] ?? 2_000);
const lanes = 8;
/** So that most cuts are followed by another one in the same file. */
const cutsPerFile = 25;

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(() => node.close());

/** mulberry32. */
function randomOf(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

interface Sending {
  readonly path: string;
  readonly bytes: Uint8Array;
  offset: number;
}

/** Sends a part of what is left and breaks off: in order, by a reset, in the middle of a chunk, or while a newer request comes. */
async function cut(sending: Sending, random: (below: number) => number): Promise<void> {
  const left = sending.bytes.subarray(sending.offset);
  const sent = left.subarray(0, random(Math.min(left.length, 4_000)));
  const chunked = random(4) === 0;
  const framing = chunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': left.length };
  const connection = await begun(node, 'PATCH', sending.path, {
    ...bytesType,
    'Upload-Offset': sending.offset,
    ...framing,
  });
  const at = random(sent.length + 1);
  for (const piece of [sent.subarray(0, at), sent.subarray(at)])
    if (piece.length > 0) connection.send(chunked ? chunk(piece) : piece);
  if (chunked) connection.send(`${random(60_000).toString(16)}${random(2) === 0 ? '\r\n' : ''}`);
  const how = random(3);
  if (how === 0) connection.reset();
  else if (how === 1) connection.finish();
  else connection.destroy();
  const offset = await offsetOf(node, sending.path);
  expect(offset, `seed ${seed}: not back`).toBeGreaterThanOrEqual(sending.offset);
  expect(offset, `seed ${seed}: no more than was sent`).toBeLessThanOrEqual(sending.offset + sent.length);
  // The request that broke off may still be recording what arrived: a new one finds out where it stopped.
  sending.offset = await settled(sending);
  connection.destroy();
}

/** An empty PATCH waits for the one before it; its answer has the offset. */
async function settled({ path, offset }: Sending): Promise<number> {
  const answer = await patchUpload(node, path, offset, Buffer.alloc(0));
  if (answer.status === 204) return offset;
  expect(answer.status, `seed ${seed}: ${JSON.stringify(answer.body)}`).toBe(409);
  const { offset: right } = answer.body['details'] as { offset: number };
  expect(right, `seed ${seed}`).toBeGreaterThan(offset);
  return right;
}

async function file(number: number): Promise<number> {
  const random = randomOf(seed * 1_000 + number);
  const bytes = patternBytes(1 + random(150_000), seed + number);
  const sending = { path: await createUpload(node, { 'Upload-Length': bytes.length }), bytes, offset: 0 };
  let made = 0;
  for (; made < cutsPerFile && sending.offset < bytes.length; made += 1) await cut(sending, random);
  if (sending.offset < bytes.length)
    expect((await patchUpload(node, sending.path, sending.offset, bytes.subarray(sending.offset))).status).toBe(204);
  const head = async () => (await tus(node, 'HEAD', sending.path)).headers;
  await expect.poll(async () => (await head()).get('holdfast-upload-state'), { timeout: 20_000 }).toBe('completed');
  expect((await head()).get('holdfast-asset'), `seed ${seed}`).toBe(sha256(bytes));
  return made;
}

test('the offset never goes back, and the digest is right', async () => {
  console.log(`TUS_CUT_SEED=${seed}`);
  let made = 0;
  let next = 0;
  const lane = async () => {
    while (made < cuts) {
      next += 1;
      const count = await file(next);
      made += count;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  expect(made).toBeGreaterThanOrEqual(cuts);
  expect(await node.incoming()).toEqual([]);
}, 120_000);
