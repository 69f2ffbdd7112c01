/** A1, A3: chunks at the wrong time and two at once; senders that stop, crawl or break off. Nothing stays behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { defaultLimits } from '../src/core/limits.ts';
import { RawConnection } from './raw-connection.ts';
import { chunkBytes, expectProblem, RunningNode, sha256, someBytes } from './running-node.ts';

const idleSeconds = 1;
let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { bodyIdleSeconds: idleSeconds } });
});
afterAll(async () => {
  await node.close();
});

const size = 2 * chunkBytes;

describe('two at once', () => {
  test('A1: the same bytes eight times at once: one is stored, the others are duplicates', async () => {
    const bytes = someBytes(size);
    const { id } = await node.create({ size });
    const first = bytes.subarray(0, chunkBytes);
    const answers = await Promise.all(Array.from({ length: 8 }, () => node.put(id, 0, first)));
    expect(answers.map((a) => a.status)).toEqual(Array(8).fill(200));
    expect(answers.filter((a) => !a.body.duplicate)).toHaveLength(1);
    expect(await node.status(id)).toMatchObject({ receivedBytes: chunkBytes, receivedChunks: 1 });
    await node.put(id, 1, bytes.subarray(chunkBytes));
    expect((await node.json('POST', `/v1/uploads/${id}/complete`)).body).toMatchObject({ sha256: sha256(bytes) });
  });

  test('A1: different bytes for one place at once: one wins whole, the other is refused, nothing is mixed', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id } = await node.create({ size: chunkBytes });
      const [a, b] = [someBytes(chunkBytes), someBytes(chunkBytes)];
      const answers = await Promise.all([node.put(id, 0, a), node.put(id, 0, b)]);
      const winner = answers.findIndex((x) => x.status === 200);
      const loser = answers[1 - winner];
      expect(winner).toBeGreaterThanOrEqual(0);
      // Also when it comes after the winner has completed the upload.
      expect(loser?.body.code).toBe('chunk-conflict');
      const done = await node.json('POST', `/v1/uploads/${id}/complete`);
      expect(done.body).toMatchObject({ sha256: sha256(winner === 0 ? a : b) });
    }
  });

  test('A1: a second body waits for a slow first one, and takes over when that one breaks off', async () => {
    const { id } = await node.create({ size });
    const bytes = someBytes(chunkBytes);
    const slow = await RawConnection.open(node.port);
    slow.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
    slow.send(bytes.subarray(0, 1000));
    await sleep(100);
    const second = node.put(id, 0, bytes);
    await sleep(100);
    slow.reset();
    expect(await second).toMatchObject({ status: 200, body: { duplicate: false } });
  });
});

describe('at the wrong time', () => {
  test('A3: paused refuses and keeps; resumed goes on; twice is fine', async () => {
    const bytes = someBytes(size);
    const { id } = await node.create({ size });
    await node.put(id, 0, bytes.subarray(0, chunkBytes));
    for (let twice = 0; twice < 2; twice += 1)
      expect(await node.json('POST', `/v1/uploads/${id}/pause`)).toMatchObject({
        status: 200,
        body: { state: 'paused', lastEvent: 3 },
      });
    const refused = expectProblem(await node.put(id, 1, bytes.subarray(chunkBytes)), 409, 'upload-paused');
    expect(refused.retryable).toBe(true);
    expectProblem(await node.json('POST', `/v1/uploads/${id}/complete`), 409, 'upload-paused');
    expect(await node.status(id)).toMatchObject({ state: 'paused', receivedBytes: chunkBytes, missingChunks: [1] });
    for (let twice = 0; twice < 2; twice += 1)
      expect(await node.json('POST', `/v1/uploads/${id}/resume`)).toMatchObject({
        status: 200,
        body: { state: 'receiving', lastEvent: 4 },
      });
    expect((await node.put(id, 1, bytes.subarray(chunkBytes))).status).toBe(200);
    expect((await node.json('POST', `/v1/uploads/${id}/complete`)).status).toBe(200);
    expect((await node.events(id)).map((e) => e.type)).toEqual([
      'created',
      'progress',
      'paused',
      'resumed',
      'progress',
      'validating',
      'assembling',
      'completed',
    ]);
  });

  test('A3: a chunk that is under way when the upload is paused is refused, not half kept', async () => {
    const { id } = await node.create({ size });
    const bytes = someBytes(chunkBytes);
    const slow = await RawConnection.open(node.port);
    slow.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
    slow.send(bytes.subarray(0, 5000));
    await sleep(100);
    await node.json('POST', `/v1/uploads/${id}/pause`);
    slow.send(bytes.subarray(5000));
    expectProblem(await slow.answer(), 409, 'upload-paused');
    expect(await node.status(id)).toMatchObject({ receivedBytes: 0 });
    await node.json('DELETE', `/v1/uploads/${id}`);
    slow.destroy();
  });

  test('A3: cancel frees the bytes at once, twice is fine, and nothing is taken afterwards', async () => {
    const { id } = await node.create({ size });
    await node.put(id, 0, someBytes(chunkBytes));
    expect(await node.incoming()).toContain(id);
    for (let twice = 0; twice < 2; twice += 1)
      expect(await node.json('DELETE', `/v1/uploads/${id}`)).toMatchObject({
        status: 200,
        body: { state: 'cancelled' },
      });
    expect(await node.incoming()).not.toContain(id);
    for (const answer of [
      await node.put(id, 1, someBytes(chunkBytes)),
      await node.json('POST', `/v1/uploads/${id}/pause`),
      await node.json('POST', `/v1/uploads/${id}/resume`),
      await node.json('POST', `/v1/uploads/${id}/complete`),
    ]) {
      const problem = expectProblem(answer, 410, 'upload-closed');
      expect(problem).toMatchObject({ retryable: false, details: { state: 'cancelled' } });
    }
    expect((await node.events(id)).filter((e) => e.type === 'cancelled')).toHaveLength(1);
    expect(await node.incoming()).not.toContain(id);
  });

  test('A3: a chunk under way when its upload is cancelled leaves nothing behind', async () => {
    for (const before of [0, 1000, chunkBytes - 1]) {
      const { id } = await node.create({ size });
      const slow = await RawConnection.open(node.port);
      slow.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
      slow.send(someBytes(before));
      await sleep(60);
      expect((await node.json('DELETE', `/v1/uploads/${id}`)).status).toBe(200);
      slow.send(someBytes(chunkBytes - before));
      expectProblem(await slow.answer(), 410, 'upload-closed');
      slow.destroy();
      expect(await node.incoming()).not.toContain(id);
    }
  });

  test('A3: chunks and a cancel at the same moment, whole and broken ones: nothing is left behind', async () => {
    const rounds = Array.from({ length: 40 }, async (_unused, round) => {
      const { id } = await node.create({ size });
      const broken = await RawConnection.open(node.port);
      broken.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
      broken.send(someBytes(10));
      const chunk = node.put(id, 1, someBytes(chunkBytes));
      if (round % 2 === 0) await sleep(round / 4);
      const cancelled = await node.json('DELETE', `/v1/uploads/${id}`);
      expect(cancelled.status).toBe(200);
      broken.reset();
      expect([200, 410]).toContain((await chunk).status);
      return id;
    });
    const ids = new Set(await Promise.all(rounds));
    const left = async () => (await node.incoming()).filter((name) => ids.has(name));
    await expect.poll(left, { timeout: 5_000 }).toEqual([]);
  });

  test('A3: completed takes no commands any more', async () => {
    const bytes = someBytes(chunkBytes);
    const { id, sha256: digest } = await node.upload(bytes);
    for (const answer of [
      await node.json('POST', `/v1/uploads/${id}/pause`),
      await node.json('POST', `/v1/uploads/${id}/resume`),
      await node.json('DELETE', `/v1/uploads/${id}`),
    ])
      expect(expectProblem(answer, 410, 'upload-closed').details).toMatchObject({ state: 'completed' });
    expect(await node.json('POST', `/v1/uploads/${id}/complete`)).toMatchObject({
      status: 200,
      body: { sha256: digest },
    });
  });

  test('A1: complete with chunks missing lists them', async () => {
    const { id } = await node.create({ size: 5 * chunkBytes });
    await node.put(id, 1, someBytes(chunkBytes));
    await node.put(id, 3, someBytes(chunkBytes));
    const problem = expectProblem(await node.json('POST', `/v1/uploads/${id}/complete`), 409, 'missing-chunks');
    expect(problem.details).toMatchObject({ missingChunks: [0, 2, 4], truncated: false });
    expect(problem.details).toMatchObject({
      missing: [
        { start: 0, end: chunkBytes },
        { start: 2 * chunkBytes, end: 3 * chunkBytes },
        { start: 4 * chunkBytes, end: 5 * chunkBytes },
      ],
    });
  });

  it.each(['-1', '61', 'soon'])('complete with wait=%s is refused', async (wait) => {
    const { id } = await node.create({ size });
    expectProblem(await node.json('POST', `/v1/uploads/${id}/complete?wait=${wait}`), 400, 'invalid-request');
  });
});

describe('bad senders', () => {
  test('A1: one that breaks off in the middle: nothing kept, the place is free at once', async () => {
    const { id } = await node.create({ size });
    const bytes = someBytes(chunkBytes);
    for (const end of ['finish', 'reset'] as const) {
      const broken = await RawConnection.open(node.port);
      broken.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
      broken.send(bytes.subarray(0, chunkBytes - 1));
      await sleep(50);
      broken[end]();
      await sleep(50);
      expect(await node.status(id)).toMatchObject({ receivedBytes: 0, missingChunks: [0, 1] });
    }
    const started = performance.now();
    expect(await node.put(id, 0, bytes)).toMatchObject({ status: 200, body: { duplicate: false } });
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('A1: one that stops sending is told so and cut off; the chunk can be sent again', async () => {
    const { id } = await node.create({ size });
    const bytes = someBytes(chunkBytes);
    const stuck = await RawConnection.open(node.port);
    stuck.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
    stuck.send(bytes.subarray(0, 100));
    const problem = expectProblem(await stuck.answer(5_000), 408, 'body-timeout');
    expect(problem.retryable).toBe(true);
    expect(await stuck.closedWithin(2_000)).toBe(true);
    expect(await node.put(id, 0, bytes)).toMatchObject({ status: 200 });
  });

  test('A1: a slow one that keeps sending is waited for', async () => {
    const bytes = someBytes(9000);
    const { id } = await node.create({ size: bytes.length });
    const slow = await RawConnection.open(node.port);
    slow.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${bytes.length}`]);
    // More than the least that is wanted in a second, even if only one of them arrives in it.
    const step = 1500;
    expect(step).toBeGreaterThan(defaultLimits.bodyBytesPerSecondMin);
    for (let at = 0; at < bytes.length; at += step) {
      slow.send(bytes.subarray(at, at + step));
      await sleep((idleSeconds * 1000) / 3);
    }
    expect(await slow.answer()).toMatchObject({ status: 200, body: { receivedBytes: 9000 } });
    slow.destroy();
    expect((await node.json('POST', `/v1/uploads/${id}/complete`)).body).toMatchObject({ sha256: sha256(bytes) });
  });

  test('A1: chunked transfer coding without a length: exact is taken, too short and too long are not', async () => {
    const bytes = someBytes(100);
    for (const [given, status, code] of [
      [bytes.subarray(0, 99), 400, 'body-too-short'],
      [Buffer.concat([bytes, bytes]), 413, 'body-too-long'],
      [bytes, 200, null],
    ] as const) {
      const { id } = await node.create({ size: bytes.length });
      const raw = await RawConnection.open(node.port);
      raw.head(`PUT /v1/uploads/${id}/chunks/0`, ['Transfer-Encoding: chunked']);
      raw.send(`${given.length.toString(16)}\r\n`);
      raw.send(given);
      raw.send('\r\n0\r\n\r\n');
      const answer = await raw.answer();
      if (code === null) expect(answer).toMatchObject({ status: 200, body: { length: 100 } });
      else expectProblem(answer, status, code);
      if (code !== null) expect(await node.status(id)).toMatchObject({ receivedBytes: 0 });
      raw.destroy();
    }
  });

  test('C11: one that stops in the middle of a JSON body is told so and cut off', async () => {
    const stuck = await RawConnection.open(node.port);
    stuck.head('POST /v1/uploads', ['Content-Type: application/json', 'Content-Length: 100']);
    stuck.send('{"filename":');
    expectProblem(await stuck.answer(5_000), 408, 'body-timeout');
    expect(await stuck.closedWithin(2_000)).toBe(true);
  });

  test('C11: a refused chunk whose sender stops does not hold its connection', async () => {
    const stuck = await RawConnection.open(node.port);
    stuck.head('PUT /v1/uploads/00000000-0000-0000/chunks/0', ['Content-Length: 1000']);
    stuck.send('abc');
    expect(await stuck.closedWithin(5_000)).toBe(true);
  });
});
