/** From the log to deliveries: what is written for what nobody wants, endpoints at different places, and starting again. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { noCrashPoints } from '../core/ports/crash-points.ts';
import { silentLog } from '../core/ports/log.ts';
import type { WebhookStore } from '../core/ports/webhook-store.ts';
import type { WebhookEndpoint } from '../core/webhook.ts';
import { systemClock } from '../platform/system-clock.ts';
import { openSqliteState, type State } from '../state/sql/open.ts';
import { sampleEvent, sampleUpload } from '../testing/sample-upload.ts';
import { instead } from '../testing/stand-in.ts';
import { sqliteFile } from '../testing/test-state.ts';
import { Feeder } from './feeder.ts';
import { MessageWriter } from './message.ts';

let state: State;
let remove: () => Promise<void>;
/** Calls of `enqueue`, which are what costs a commit. */
let moves = 0;

beforeEach(async () => {
  const made = await sqliteFile();
  remove = made.remove;
  state = await openSqliteState({ file: made.file, clock: systemClock });
  moves = 0;
});
afterEach(async () => {
  await state.close();
  await remove();
});

const address = (path: string) => path;

function endpoint(id: string, events: readonly string[]): WebhookEndpoint {
  const url = `https://app.example/${id}`;
  return { id, url, shownUrl: url, host: 'app.example', keys: [], events, timeoutMs: 1_000 };
}

async function feeder(endpoints: readonly WebhookEndpoint[]): Promise<Feeder> {
  const counting: Partial<WebhookStore> = {
    enqueue: (...args) => {
      moves += 1;
      return state.webhooks.enqueue(...args);
    },
  };
  const made = new Feeder({
    endpoints,
    policy: { firstRetryMs: 1_000, windowMs: 10_000 },
    concurrency: 1,
    store: instead(state.webhooks, counting),
    uploads: state.uploads,
    ledger: state.ledger,
    address,
    clock: systemClock,
    log: silentLog,
    observer: { attempted: () => {}, asked: () => {} },
    crash: noCrashPoints,
    random: () => 0,
    holder: 'node',
    version: 'test',
    newId: () => 'id',
    retentionMs: 1,
    pollMs: 1,
    stopMs: 1,
  });
  await made.begin();
  return made;
}

async function append(...types: string[]): Promise<string> {
  const upload = sampleUpload();
  const events = types.map((type) => sampleEvent(type));
  await state.uploads.create(upload, events, [], Number.POSITIVE_INFINITY);
  return upload.id;
}

/** Message ids and positions of an endpoint, as they are in the database. */
async function pending(id: string): Promise<string[]> {
  const request = { endpoint: id, holder: 'x', now: systemClock.now() + 1, leaseMs: 0, limit: 1_000 };
  return (await state.webhooks.claim(request)).map((delivery) => delivery.messageId).toSorted();
}

const forever = () => false;

test('what nobody wants costs no writes, and is passed for good only now and then', async () => {
  const made = await feeder([endpoint('a', ['upload.failed'])]);
  const noise = Array.from({ length: 100 }, () => 'progress');
  for (let i = 0; i < 20; i += 1) await append(...noise);
  await made.feed(forever);
  expect(moves).toBe(0);
  expect((await state.webhooks.positions(['a'], 0)).get('a')).toBe(0);
  await append(...noise);
  await made.feed(forever);
  expect(moves, 'so that a restart need not read the whole log').toBe(1);
  expect((await state.webhooks.positions(['a'], 0)).get('a')).toBe(2_100);
  const id = await append('progress', 'failed');
  await made.feed(forever);
  expect(moves).toBe(2);
  expect(await pending('a')).toEqual([`evt_${id}_2`]);
});

test('started again in the middle of what nobody wants, it makes nothing twice and misses nothing', async () => {
  const endpoints = [endpoint('a', ['upload.failed'])];
  const first = await feeder(endpoints);
  const one = await append('failed', 'progress', 'progress');
  await first.feed(forever);
  await append('progress');
  await first.feed(forever);
  const again = await feeder(endpoints);
  const two = await append('progress', 'failed');
  // Both at once, as two processes would: each reads on from where it believes to be.
  await Promise.all([again.feed(forever), first.feed(forever)]);
  await Promise.all([first.feed(forever), again.feed(forever)]);
  expect(await pending('a')).toEqual([`evt_${one}_1`, `evt_${two}_2`].toSorted());
});

test('endpoints at different places of the log each get their own part, however it is cut', async () => {
  const [a, b] = [endpoint('a', ['upload.*']), endpoint('b', ['upload.failed', 'upload.paused'])];
  await feeder([a]);
  const early = await append('failed', ...Array.from({ length: 450 }, () => 'paused'));
  const both = await feeder([a, b]);
  const late = await append('progress', 'failed', 'resumed');
  await both.feed(forever);
  const lateOnes = [`evt_${late}_2`];
  const all = [...Array.from({ length: 451 }, (_, i) => `evt_${early}_${i + 1}`), ...lateOnes, `evt_${late}_3`];
  expect(await pending('a')).toEqual(all.toSorted());
  expect(await pending('b')).toEqual(lateOnes);
});

test('a subject that is gone leaves what the event says', async () => {
  const made = await feeder([endpoint('a', ['*'])]);
  const upload = sampleUpload({ storage: 'released', updatedAt: 1, phase: { name: 'cancelled', at: 1 } });
  await state.uploads.create(upload, [sampleEvent('cancelled')], [], Number.POSITIVE_INFINITY);
  const events = await state.uploads.events({ after: 0, limit: 10 });
  const uploads = instead(state.uploads, { find: async () => null });
  const text = await new MessageWriter({ uploads, ledger: state.ledger, address }).write(events[0] ?? expect.fail());
  const message = JSON.parse(text) as Record<string, unknown>;
  expect(message).toMatchObject({ type: 'upload.cancelled', principal: upload.principal });
  expect(message).not.toHaveProperty('upload');
  await made.feed(forever);
  expect(await pending('a')).toHaveLength(1);
});
