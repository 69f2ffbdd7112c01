/** A2: the event log as JSON and as a live stream: no gaps, no repeats, over reconnects and restarts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEvent } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { EventReader } from './event-reader.ts';
import { RawConnection } from './raw-connection.ts';
import { chunkBytes, expectProblem, RunningNode, someBytes } from './running-node.ts';

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(async () => {
  await node.close();
});

test('A2: the log of an upload: what happened, when, with percent and n/total', async () => {
  const { id } = await node.upload(someBytes(4 * chunkBytes));
  const events = await node.events(id);
  expect(events.map((e) => e.seq)).toEqual(events.map((_e, i) => i + 1));
  expect(events.map((e) => e.type)).toEqual([
    'created',
    'progress',
    'progress',
    'progress',
    'progress',
    'validating',
    'assembling',
    'completed',
  ]);
  expect(events[0]).toMatchObject({
    message: 'Created: 262.1 kB in chunks of 65.5 kB',
    data: { size: 4 * chunkBytes, chunkSize: chunkBytes },
  });
  const progress = events.filter((e) => e.type === 'progress');
  expect(progress.map((e) => e.message)).toEqual(['25 % (1/4)', '50 % (2/4)', '75 % (3/4)', '100 % (4/4)']);
  expect(progress[1]).toMatchObject({
    subject: 'upload',
    subjectId: id,
    data: { percent: 50, receivedBytes: 2 * chunkBytes, totalChunks: 4 },
  });
  for (const event of events) expect(new Date(event.at).toISOString()).toBe(event.at);
  const page = await node.json<{ items: LogEvent[] }>('GET', `/v1/uploads/${id}/events?after=2&limit=3`);
  expect(page.body.items.map((e) => e.seq)).toEqual([3, 4, 5]);
});

test('A2: live: the past first, then what happens, as it happens', async () => {
  const { id } = await node.create({ size: 2 * chunkBytes });
  const reader = await EventReader.open(`${node.url}/v1/uploads/${id}/events`);
  await reader.until((events) => events.length >= 1);
  await node.put(id, 0, someBytes(chunkBytes));
  await reader.until((events) => events.at(-1)?.type === 'progress', 1_000);
  await node.put(id, 1, someBytes(chunkBytes));
  const events = await reader.until((all) => all.at(-1)?.type === 'completed', 2_000);
  expect(events.map((e) => e.data.seq)).toEqual([1, 2, 3, 4, 5, 6]);
  for (const event of events) expect(event).toMatchObject({ id: event.data.seq, type: event.data.type });
  reader.close();
});

test('A2: Last-Event-ID goes on behind it, and wins over ?after', async () => {
  const { id } = await node.upload(someBytes(3 * chunkBytes));
  const reader = await EventReader.open(`${node.url}/v1/uploads/${id}/events?after=1`, 4);
  const events = await reader.until((all) => all.at(-1)?.type === 'completed');
  expect(events[0]?.id).toBe(5);
  reader.close();
});

it.each(['abc', '-1', '1.5', '9'.repeat(20)])('Last-Event-ID %s is refused', async (id) => {
  const response = await node.fetch('/v1/events', { headers: { accept: 'text/event-stream', 'last-event-id': id } });
  expectProblem(
    { status: response.status, headers: response.headers, body: await response.json() },
    400,
    'invalid-request',
  );
});

it.each(['9007199254740992', '9'.repeat(40), '1e400'])(
  'a position that no log gets to (%s) is refused',
  async (after) => {
    const { id } = await node.create({ size: 1 });
    for (const path of ['/v1/events', `/v1/uploads/${id}/events`])
      expectProblem(await node.json('GET', `${path}?after=${after}`), 400, 'invalid-request');
  },
);

test('HEAD of a stream is answered, and its connection goes on', async () => {
  const connection = await RawConnection.open(node.port);
  connection.head('HEAD /v1/events', ['Accept: text/event-stream']);
  const answer = await connection.headAnswer();
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  connection.head('GET /health/live', []);
  expect((await connection.answer()).status).toBe(200);
  connection.destroy();
});

test('A2: everything of the principal: positions rise, readers that drop and come back miss and repeat nothing', async () => {
  const seen: LogEvent[] = [];
  let last = 0;
  let working = true;
  const work = (async () => {
    for (let i = 0; i < 12; i += 1)
      await Promise.all([node.upload(someBytes(100)), node.upload(someBytes(chunkBytes + 1))]);
    working = false;
  })();
  const from = (await node.json<{ items: LogEvent[] }>('GET', '/v1/events?limit=1000')).body.items.at(-1)?.id ?? 0;
  last = from;
  while (working) {
    const reader = await EventReader.open(`${node.url}/v1/events`, last);
    const got = await reader.until((events) => events.length >= 3 || !working, 2_000);
    reader.close();
    seen.push(...got.map((e) => e.data));
    last = got.at(-1)?.id ?? last;
  }
  await work;
  const all = (await node.json<{ items: LogEvent[] }>('GET', `/v1/events?after=${from}&limit=1000`)).body.items;
  const upTo = all.filter((e) => e.id <= last);
  expect(seen.map((e) => e.id)).toEqual(upTo.map((e) => e.id));
  expect(new Set(all.map((e) => e.id)).size).toBe(all.length);
  expect([...all].sort((a, b) => a.id - b.id)).toEqual(all);
});

test('A2: streams that wait cost nothing', async () => {
  const readers = await Promise.all(Array.from({ length: 5 }, () => EventReader.open(`${node.url}/v1/events`)));
  await sleep(200);
  const before = process.cpuUsage();
  await sleep(1_000);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000, 'milliseconds of CPU in one second').toBeLessThan(300);
  for (const reader of readers) reader.close();
  await expect
    .poll(async () => /holdfast_event_streams (\d+)/.exec(await (await node.fetch('/metrics')).text())?.[1])
    .toBe('0');
});

test('A2: over a restart of the server nothing is missed or repeated', async () => {
  const first = await RunningNode.start();
  const { dataDir } = first;
  const { id } = await first.create({ size: 2 * chunkBytes });
  const reader = await EventReader.open(`${first.url}/v1/uploads/${id}/events`);
  await first.put(id, 0, someBytes(chunkBytes));
  const before = await reader.until((events) => events.length === 2);
  await first.stop();
  expect(await reader.ended(), 'the stream ends when the server stops').toBe(true);
  await using second = await RunningNode.start({ dataDir });
  await second.put(id, 1, someBytes(chunkBytes));
  const again = await EventReader.open(`${second.url}/v1/uploads/${id}/events`, before.at(-1)?.id);
  const after = await again.until((events) => events.at(-1)?.type === 'completed');
  expect([...before, ...after].map((e) => e.id)).toEqual([1, 2, 3, 4, 5, 6]);
  again.close();
});
