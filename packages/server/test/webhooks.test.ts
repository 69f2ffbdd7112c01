/** Issue 3, item 8: events reach their receivers, signed, once each while nothing fails, and in the end whatever fails. */
import type { WebhookDeliveryList, WebhookEndpointList } from '@holdfast/protocol';
import { describe, expect, it, test } from 'vitest';
import { freePort } from '../src/testing/free-port.ts';
import { chunkBytes, RunningNode, sha256, someBytes } from './running-node.ts';
import { eventually, newSecret, WebhookReceiver } from './webhook-receiver.ts';

/** Retries come quickly, so that tests need not wait for them. */
const quick = { webhookFirstRetrySeconds: 0.05, webhookTimeoutSeconds: 0.5 };
const completedOnly = { events: ['upload.completed'] };

function nodeFor(webhooks: readonly object[], more: object = {}): Promise<RunningNode> {
  return RunningNode.start({ config: { webhooks, ...quick, ...more } });
}

async function endpoints(node: RunningNode) {
  return (await node.json<WebhookEndpointList>('GET', '/v1/webhooks')).body.items;
}

async function failures(node: RunningNode) {
  return (await node.json<WebhookDeliveryList>('GET', '/v1/webhooks/failures')).body.items;
}

test('an upload is told of from its creation to its asset, with all that a receiver needs', async () => {
  await using receiver = await WebhookReceiver.start();
  await using node = await nodeFor([receiver.entry()]);
  const bytes = someBytes(chunkBytes + 1);
  const upload = await node.upload(bytes, { filename: 'Größe.mp4', metadata: { speaker: 'Ada' } });
  const [{ message, method, headers } = expect.fail()] = await receiver.until('upload.completed');
  await eventually(() => receiver.received.length).toBe(4);
  expect(receiver.types.toSorted()).toEqual([
    'upload.assembling',
    'upload.completed',
    'upload.created',
    'upload.validating',
  ]);
  expect(receiver.wrong).toEqual([]);
  expect(method).toBe('POST');
  expect(headers['user-agent']).toMatch(/^Holdfast\/\d/);
  expect(message).toEqual({
    id: `evt_${upload.id}_${upload.lastEvent}`,
    type: 'upload.completed',
    timestamp: upload.completedAt,
    subject: { kind: 'upload', id: upload.id, seq: upload.lastEvent },
    principal: 'anonymous',
    message: `Completed: asset ${sha256(bytes)}`,
    data: { assetId: sha256(bytes), sha256: sha256(bytes) },
    upload: {
      id: upload.id,
      protocol: 'native',
      filename: 'Größe.mp4',
      safeName: upload.safeName,
      contentType: 'application/octet-stream',
      size: bytes.length,
      receivedBytes: bytes.length,
      state: 'completed',
      sha256: sha256(bytes),
      contentUrl: `/v1/assets/${sha256(bytes)}/content`,
      failure: null,
      metadata: { speaker: 'Ada' },
      createdAt: upload.createdAt,
    },
  });
  const content = await node.fetch(message.upload?.contentUrl ?? '');
  expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true);
});

test('runs are told of with their steps and their asset', async () => {
  await using receiver = await WebhookReceiver.start();
  await using node = await nodeFor([receiver.entry({ events: ['run.*', 'step.failed'] })], { pipeline: true });
  const { id, sha256: digest } = await node.upload(someBytes(100), { filename: 'noise.bin', metadata: { a: 'b' } });
  const [{ message } = expect.fail()] = await receiver.until('run.failed');
  expect(message).toMatchObject({
    subject: { kind: 'run' },
    data: { assetId: digest, failed: [{ step: 'probe' }] },
    run: { pipeline: 'media', state: 'failed' },
    asset: { sha256: digest, size: 100, filename: 'noise.bin', uploadId: id, metadata: { a: 'b' } },
  });
  expect(message.run?.steps[0]).toMatchObject({ name: 'probe', state: 'failed' });
  expect(new Set(receiver.types)).toEqual(new Set(['run.created', 'step.failed', 'run.failed']));
  expect(receiver.wrong).toEqual([]);
});

test('each endpoint gets what its filter says; progress only where it is named', async () => {
  await using three = await startThree();
  const { a: all, b: some, c: named } = three;
  await using node = await nodeFor([
    all.entry({ events: ['*'] }),
    some.entry({ events: ['upload.cancelled', 'upload.paused'] }),
    named.entry({ events: ['upload.progress', 'upload.cancelled'] }),
  ]);
  const upload = await node.create({ size: 4 * chunkBytes });
  await node.put(upload.id, 0, someBytes(chunkBytes));
  await node.json('POST', `/v1/uploads/${upload.id}/pause`);
  await node.json('DELETE', `/v1/uploads/${upload.id}`);
  await Promise.all([all, some, named].map((receiver) => receiver.until('upload.cancelled')));
  await eventually(async () => (await endpoints(node)).every((one) => one.pending === 0)).toBe(true);
  expect(all.types.toSorted()).toEqual(['upload.cancelled', 'upload.created', 'upload.paused']);
  expect(some.types.toSorted()).toEqual(['upload.cancelled', 'upload.paused']);
  expect(named.types.toSorted()).toEqual(['upload.cancelled', 'upload.progress']);
  const ids = (receiver: WebhookReceiver) => receiver.of('upload.cancelled').map((one) => one.id);
  expect(ids(some), 'one id for all endpoints').toEqual(ids(all));
});

async function startThree() {
  const [a, b, c] = await Promise.all([WebhookReceiver.start(), WebhookReceiver.start(), WebhookReceiver.start()]);
  const close = async () => void (await Promise.all([a, b, c].map((receiver) => receiver.close())));
  return { a, b, c, [Symbol.asyncDispose]: close };
}

test('while secrets are changed, requests verify with the old one and with the new one', async () => {
  const old = newSecret();
  await using first = await WebhookReceiver.start({ secret: old });
  await using second = await WebhookReceiver.start();
  const secret = [second.secret, old];
  await using node = await nodeFor([first, second].map((one) => one.entry({ secret, ...completedOnly })));
  await node.upload(someBytes(10));
  for (const receiver of [first, second]) {
    const [{ headers } = expect.fail()] = await receiver.until('upload.completed');
    expect(String(headers['webhook-signature']).split(' ')).toHaveLength(2);
    expect(receiver.wrong).toEqual([]);
  }
});

describe('a delivery is tried again, with the same id and the same body,', () => {
  it.each([
    ['after an error', () => ({ status: 500, body: 'no\u0007' })],
    ['after a refusal', () => ({ status: 401 })],
    ['after no answer at all', () => null],
    ['after an answer that goes on for ever', () => ({ status: 503, body: Buffer.alloc(50_000_000, 120) })],
  ])('%s', async (_name, reply) => {
    await using receiver = await WebhookReceiver.start();
    receiver.answer = (_one, earlier) => (earlier.length < 2 ? reply() : {});
    await using node = await nodeFor([receiver.entry(completedOnly)]);
    await node.upload(someBytes(10));
    const tries = await receiver.until('upload.completed', 3);
    await eventually(async () => (await endpoints(node))[0]).toMatchObject({ pending: 0, delivered: 1, failed: 0 });
    expect(new Set(tries.map((one) => one.id)).size).toBe(1);
    expect(new Set(tries.map((one) => one.text)).size).toBe(1);
    expect(tries).toHaveLength(3);
    expect(receiver.wrong).toEqual([]);
  });

  it('when nobody listened at first', async () => {
    const port = await freePort();
    const secret = newSecret();
    await using node = await nodeFor([{ url: `http://127.0.0.1:${port}/hook`, secret, ...completedOnly }]);
    await node.upload(someBytes(10));
    await eventually(() => failures(node)).toMatchObject([{ state: 'pending', lastStatus: null }]);
    expect((await failures(node))[0]?.lastError).toMatch(/ECONNREFUSED/);
    await using receiver = await WebhookReceiver.start({ port, secret });
    await receiver.until('upload.completed');
    await eventually(async () => (await endpoints(node))[0]).toMatchObject({ pending: 0, delivered: 1 });
    expect(await failures(node)).toEqual([]);
  });
});

test('Retry-After is heeded for everything that waits for the endpoint', async () => {
  await using receiver = await WebhookReceiver.start();
  receiver.answer = (_one, earlier) => (earlier.length === 0 ? { status: 429, headers: { 'retry-after': '2' } } : {});
  await using node = await nodeFor([receiver.entry(completedOnly)], { webhookConcurrency: 1 });
  await node.upload(someBytes(10));
  const [refused = expect.fail()] = await receiver.until('upload.completed');
  await node.upload(someBytes(11));
  const all = await receiver.until('upload.completed', 3);
  for (const later of all.slice(1)) expect(later.at - refused.at).toBeGreaterThanOrEqual(1_950);
  expect(new Set(all.map((one) => one.id)).size).toBe(2);
});

test('a redirect is not followed: it counts as a failure', async () => {
  await using elsewhere = await WebhookReceiver.start();
  await using receiver = await WebhookReceiver.start();
  receiver.answer = () => ({ status: 307, headers: { location: elsewhere.url } });
  await using node = await nodeFor([receiver.entry(completedOnly)]);
  await node.upload(someBytes(10));
  await receiver.until('upload.completed', 2);
  await expect
    .poll(() => failures(node))
    .toMatchObject([{ lastStatus: 307, lastError: '307: redirects are not followed' }]);
  expect(elsewhere.received).toEqual([]);
});

test('410 ends it until somebody asks for a retry, or the server starts again', async () => {
  await using receiver = await WebhookReceiver.start();
  receiver.answer = () => ({ status: 410 });
  const first = await nodeFor([receiver.entry(completedOnly)]);
  try {
    await first.upload(someBytes(10));
    await eventually(() => endpoints(first)).toMatchObject([{ state: 'gone', pending: 1 }]);
    const before = receiver.received.length;
    await first.upload(someBytes(11));
    await eventually(() => endpoints(first)).toMatchObject([{ state: 'gone', pending: 2 }]);
    expect(receiver.received.length, 'not even what is due').toBe(before);
    await first.json('POST', '/v1/webhooks/retry', { endpoint: receiver.url });
    await receiver.until('upload.completed', before + 1);
    await eventually(() => endpoints(first)).toMatchObject([{ state: 'gone' }]);
    receiver.answer = () => ({});
    await first.stop();
    await using again = await nodeFor([receiver.entry(completedOnly)], { dataDir: first.dataDir });
    await eventually(() => endpoints(again)).toMatchObject([{ state: 'active', pending: 0, delivered: 2 }]);
  } finally {
    await first.stop();
  }
});

test('a delivery is given up in the end, listed, and sent again when somebody asks', async () => {
  await using receiver = await WebhookReceiver.start();
  receiver.answer = () => ({ status: 500, body: 'out of order' });
  await using node = await nodeFor([receiver.entry(completedOnly)], { webhookRetryHours: 0.5 / 3600 });
  const upload = await node.upload(someBytes(10));
  const id = `evt_${upload.id}_${upload.lastEvent}`;
  await eventually(() => failures(node)).toMatchObject([{ id, state: 'failed', lastError: '500: out of order' }]);
  expect((await failures(node))[0]).toMatchObject({ type: 'upload.completed', url: receiver.url, nextAttemptAt: null });
  receiver.answer = () => ({});
  expect((await node.json('POST', '/v1/webhooks/retry', { all: true })).body).toEqual({ retried: 1 });
  await eventually(() => endpoints(node)).toMatchObject([{ pending: 0, failed: 0, delivered: 1 }]);
  const before = receiver.received.length;
  expect((await node.json('POST', '/v1/webhooks/retry', { id })).body).toEqual({ retried: 1 });
  await receiver.until('upload.completed', before + 1);
  expect(receiver.received.at(-1)?.id).toBe(id);
});

test('a slow endpoint holds up nobody else', async () => {
  await using three = await startThree();
  const { a: slow, b: other, c: fast } = three;
  slow.answer = () => null;
  other.answer = () => ({ status: 503, headers: { 'retry-after': '60' } });
  const patient = { timeoutSeconds: 60 };
  await using node = await nodeFor([slow.entry(patient), other.entry(), fast.entry()], { webhookConcurrency: 1 });
  for (let i = 0; i < 5; i += 1) await node.upload(someBytes(10 + i));
  await fast.until('upload.completed', 5);
  expect(slow.received).toHaveLength(1);
  expect(other.received).toHaveLength(1);
});

test('an endpoint hears of what happens after it was configured; taken out and put back, it goes on where it was', async () => {
  await using receiver = await WebhookReceiver.start();
  const node = await nodeFor([]);
  const { dataDir } = node;
  const before = await node.upload(someBytes(10));
  await node.stop();
  const webhooks = [receiver.entry(completedOnly)];
  const second = await nodeFor(webhooks, { dataDir });
  const during = await second.upload(someBytes(11));
  await receiver.until('upload.completed');
  await second.stop();
  const third = await nodeFor([], { dataDir });
  const without = await third.upload(someBytes(12));
  await third.stop();
  await using last = await nodeFor(webhooks, { dataDir });
  const after = await last.upload(someBytes(13));
  await receiver.until('upload.completed', 3);
  const told = receiver.received.map((one) => one.message.subject.id);
  expect(told.toSorted()).toEqual([during.id, without.id, after.id].toSorted());
  expect(told).not.toContain(before.id);
});

test('old deliveries are cleaned up', async () => {
  await using receiver = await WebhookReceiver.start();
  await using node = await nodeFor([receiver.entry(completedOnly)], {
    cleanupIntervalMinutes: 0.1 / 60,
    retentionDays: 1 / (24 * 3600),
  });
  await node.upload(someBytes(10));
  await eventually(() => endpoints(node)).toMatchObject([{ delivered: 1 }]);
  await eventually(() => endpoints(node)).toMatchObject([{ delivered: 0, pending: 0 }]);
});
