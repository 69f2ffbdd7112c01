/**
 * The IETF draft over connections that break: at random bytes, in creations and appends, while the server restarts, with a sender that
 * never gives up. IETF_SEED repeats a run, IETF_CUTS_SECONDS makes it longer.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { append, begin, collection, created, draft, finalAnswer, head, idOf, offsetOf, open } from './ietf-exchange.ts';
import { KiB, RunningNode, sha256, someBytes } from './running-node.ts';

const seed = Number(process.env['IETF_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const cutsMs = Number(process.env['IETF_CUTS_SECONDS'] ?? 8) * 1000;
const MiB = 1024 * KiB;

/** Mulberry32. */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Cut = 'finish' | 'reset' | 'destroy';

/** Sends a request but only so many bytes of its body, then breaks off; resolves to what was told before. */
async function broken(node: RunningNode, request: Parameters<typeof begin>[1], sent: number, cut: Cut) {
  const connection = await open(node);
  begin(connection, request);
  const told = await connection.answer();
  if (request.body) connection.send(request.body.subarray(0, sent));
  connection[cut]();
  return told;
}

test('connections cut at random bytes: the offset never goes back, nothing acknowledged is lost, the digest is right', async () => {
  console.info(`IETF_SEED=${seed}`);
  await using node = await RunningNode.start();
  const next = random(seed);
  const below = (max: number) => Math.floor(next() * max);
  const until = performance.now() + cutsMs;
  let cuts = 0;
  let uploads = 0;
  while (performance.now() < until) {
    const bytes = someBytes(1 + below(400_000));
    const cutOf = (): Cut => (['finish', 'reset', 'destroy'] as const)[below(3)] ?? 'finish';
    const announced = next() < 0.5 ? [`Upload-Length: ${bytes.length}`] : [];
    const creation = { method: 'POST', path: collection, headers: ['Upload-Complete: ?1', ...announced], body: bytes };
    const told = await broken(node, creation, below(bytes.length), cutOf());
    expect(told.status).toBe(104);
    cuts += 1;
    const path = told.headers.get('location') ?? '';
    let acknowledged = 0;
    for (;;) {
      const offset = offsetOf(await head(node, path));
      expect(offset).toBeGreaterThanOrEqual(acknowledged);
      acknowledged = offset;
      const rest = bytes.subarray(offset);
      const complete = next() < 0.3;
      const body = complete ? rest : rest.subarray(0, below(rest.length + 1));
      if (next() < 0.5 && body.length > 0) {
        const headers = ['Content-Type: application/partial-upload', `Upload-Offset: ${offset}`];
        const connection = await open(node);
        begin(connection, {
          method: 'PATCH',
          path,
          headers: [...headers, `Upload-Complete: ${complete ? '?1' : '?0'}`],
          body,
        });
        connection.send(body.subarray(0, below(body.length)));
        connection[cutOf()]();
        cuts += 1;
        continue;
      }
      const answer = await append(node, path, { offset, complete, body, chunked: next() < 0.3 });
      // The offset in a HEAD is accepted, whatever was cut off before it.
      expect(answer.status).toBe(complete ? 200 : 204);
      acknowledged = offsetOf(answer);
      expect(acknowledged).toBe(offset + body.length);
      if (!complete) continue;
      expect(answer.body).toMatchObject({ sha256: sha256(bytes) });
      break;
    }
    uploads += 1;
  }
  console.info(`${uploads} uploads, ${cuts} cuts`);
  expect(uploads).toBeGreaterThan(3);
});

test('104s of a long body tell offsets that a restart keeps', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-ietf-'));
  const bytes = someBytes(40 * MiB);
  try {
    const first = await RunningNode.start({ dataDir });
    const connection = await open(first);
    begin(connection, { method: 'POST', path: collection, headers: ['Upload-Complete: ?1'], body: bytes });
    const path = (await connection.answer()).headers.get('location') ?? '';
    connection.send(bytes.subarray(0, 34 * MiB));
    const told = [offsetOf(await connection.answer()), offsetOf(await connection.answer())];
    expect(told[0]).toBeGreaterThanOrEqual(16 * MiB);
    expect(told[1]).toBeGreaterThanOrEqual(32 * MiB);
    const stopping = first.stop();
    connection.destroy();
    await stopping;

    await using second = await RunningNode.start({ dataDir });
    const { headers } = await head(second, path);
    const offset = offsetOf({ headers });
    expect(offset).toBeGreaterThanOrEqual(told[1] ?? Number.NaN);
    // Upload-Complete: ?1 with Content-Length told the length; it is kept.
    expect([headers.get('upload-complete'), headers.get('upload-length')]).toEqual(['?0', String(bytes.length)]);
    const last = await append(second, path, { offset, complete: true, body: bytes.subarray(offset) });
    expect(last).toMatchObject({ status: 200, body: { sha256: sha256(bytes) } });
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

test('a sender that stops sending is answered, and what arrived is kept', async () => {
  await using node = await RunningNode.start({ config: { bodyIdleSeconds: 1 } });
  const path = await created(node);
  const connection = await open(node);
  const headers = ['Content-Type: application/partial-upload', 'Upload-Offset: 0', 'Upload-Complete: ?1'];
  begin(connection, { method: 'PATCH', path, headers, body: someBytes(1000) });
  connection.send(someBytes(600));
  const answer = await finalAnswer(connection);
  expect(answer).toMatchObject({ status: 408, body: { code: 'body-timeout' } });
  expect([offsetOf(answer), answer.headers.get('upload-complete')]).toEqual([600, '?0']);
  expect(await connection.closedWithin(5_000)).toBe(true);
});

test('a refusal does not wait for the body that it refuses', async () => {
  await using node = await RunningNode.start();
  const path = await created(node, [], someBytes(10));
  const append100MiB = ['Content-Length: 104857600', 'Upload-Complete: ?1'];
  for (const [head, status] of [
    [['Upload-Offset: 0', 'Content-Type: application/partial-upload'], 409],
    [['Upload-Offset: 10'], 415],
  ] as const) {
    const connection = await open(node);
    connection.head(`PATCH ${path}`, [...head, ...append100MiB]);
    connection.send(someBytes(1_000));
    expect((await connection.answer(3_000)).status).toBe(status);
    connection.destroy();
  }
  const connection = await open(node);
  connection.head(`POST ${collection}`, [...append100MiB, 'Upload-Length: 5']);
  expect((await connection.answer(3_000)).status).toBe(400);
  connection.destroy();
});

test('a body of an unknown length that goes beyond max-size is refused; what was there before is kept', async () => {
  await using node = await RunningNode.start({ config: { maxFileSizeGb: 0.001 } });
  const path = await created(node, [], someBytes(1_000));
  const answer = await append(node, path, { offset: 1_000, complete: true, body: someBytes(2 * MiB), chunked: true });
  expect(answer).toMatchObject({ status: 413, body: { code: 'file-too-large' } });
  expect([answer.headers.get('upload-limit'), answer.headers.get('upload-complete')]).toEqual([
    expect.stringContaining('max-size=1073741'),
    '?0',
  ]);
  expect(offsetOf(await head(node, path))).toBe(1_000);
});

test('verification that takes long is answered with 202; the final response can be asked for again', async () => {
  let broken = true;
  await using node = await RunningNode.start({
    crash: (point) => {
      if (broken && point === 'completion:before-digest') throw new Error('not now');
    },
  });
  const bytes = someBytes(300_000);
  const answer = await draft(node, { method: 'POST', path: collection, headers: ['Upload-Complete: ?1'], body: bytes });
  const path = answer.headers.get('location') ?? '';
  expect(answer).toMatchObject({ status: 202, body: { state: 'validating', statusUrl: `/v1/uploads/${idOf(path)}` } });
  expect([answer.headers.get('upload-complete'), answer.headers.get('content-location')]).toEqual([
    '?1',
    `/v1/uploads/${idOf(path)}`,
  ]);
  // Nothing became of it yet: a client that lost the answer is told to ask again.
  const found = await head(node, path);
  expect([found.headers.get('upload-complete'), offsetOf(found)]).toEqual(['?0', bytes.length]);
  broken = false;
  await node.stop();
  await using again = await RunningNode.start({ dataDir: node.dataDir });
  const final = await append(again, path, { offset: bytes.length, complete: true });
  expect(final).toMatchObject({ status: 200, body: { sha256: sha256(bytes) } });
});

test('many appends to one upload at once: each byte is taken once, and the file is whole', async () => {
  await using node = await RunningNode.start();
  const bytes = someBytes(64 * KiB);
  const path = await created(node, [`Upload-Length: ${bytes.length}`]);
  const worker = async () => {
    for (;;) {
      const { headers } = await head(node, path);
      const offset = offsetOf({ headers });
      if (offset === bytes.length) return;
      const answer = await append(node, path, {
        offset,
        complete: false,
        body: bytes.subarray(offset, offset + 5_000),
      });
      expect([204, 409, 423]).toContain(answer.status);
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  const last = await append(node, path, { offset: bytes.length, complete: true });
  expect(last).toMatchObject({ status: 200, body: { sha256: sha256(bytes) } });
  expect((await node.status(idOf(path))).state).toBe('completed');
});

test('an upload belongs to who created it', async () => {
  const keys = {
    apiKeys: ['ann', 'bob'].map((principal) => ({ principal, sha256: sha256(Buffer.from(`key-${principal}`)) })),
  };
  await using node = await RunningNode.start({ config: keys });
  const as = (name: string) => `Authorization: Bearer key-${name}`;
  const own = await draft(node, {
    method: 'POST',
    path: collection,
    headers: ['Upload-Complete: ?0', as('ann')],
    body: someBytes(10),
  });
  const path = own.headers.get('location') ?? '';
  expect((await draft(node, { method: 'POST', path: collection, headers: ['Upload-Complete: ?0'] })).status).toBe(401);
  expect((await head(node, path, { authorization: 'Bearer key-bob' })).status).toBe(404);
  const stolen = ['Content-Type: application/partial-upload', 'Upload-Offset: 10', 'Upload-Complete: ?1', as('bob')];
  expect((await draft(node, { method: 'PATCH', path, headers: stolen })).status).toBe(404);
  expect((await draft(node, { method: 'DELETE', path, headers: [as('bob')] })).status).toBe(404);
  expect(offsetOf(await head(node, path, { authorization: 'Bearer key-ann' }))).toBe(10);
});

test('pages of allowed origins may use and read everything', async () => {
  const origin = 'https://app.example';
  await using node = await RunningNode.start({ config: { corsOrigins: [origin] } });
  const asked = [
    'Access-Control-Request-Method: PATCH',
    'Access-Control-Request-Headers: upload-offset, upload-complete',
  ];
  const preflight = await draft(node, {
    method: 'OPTIONS',
    path: `${collection}/x`,
    headers: [`Origin: ${origin}`, ...asked],
    version: null,
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-methods')).toContain('PATCH');
  expect(preflight.headers.get('access-control-allow-headers')).toContain('upload-offset');
  // Not a preflight: asks what the resource can do.
  const options = await draft(node, { method: 'OPTIONS', path: collection, headers: [`Origin: ${origin}`] });
  expect(options.headers.get('upload-limit')).toContain('max-size');
  const exposed = options.headers.get('access-control-expose-headers') ?? '';
  for (const name of ['location', 'upload-offset', 'upload-complete', 'upload-limit', 'upload-length', 'repr-digest'])
    expect(exposed).toContain(name);
  expect((await draft(node, { method: 'OPTIONS', path: collection })).headers.get('upload-limit')).toContain(
    'max-size',
  );
});
