/** Several processes on one database: every event reaches its endpoint, sent by one of them; a process that is killed loses none. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { SharedPostgres, sqliteFile } from '../src/testing/test-state.ts';
import type { WebhookOrder, WebhookTask } from './webhook-child.ts';
import { eventually, WebhookReceiver } from './webhook-receiver.ts';

const script = fileURLToPath(new URL('webhook-child.ts', import.meta.url));
const events = 300;
/** Requests under way in a process at most: the setting `webhookConcurrency`. */
const concurrency = 4;

const postgres = new SharedPostgres();
afterAll(() => postgres.stop());

async function start(task: WebhookTask): Promise<ChildProcess> {
  const child = fork(script, [JSON.stringify(task)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const [first] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  expect(first).toBe('ready');
  return child;
}

async function tell(child: ChildProcess, order: WebhookOrder): Promise<void> {
  const done = once(child, order === 'stop' ? 'exit' : 'message');
  child.send(order);
  await done;
}

function distinct(receiver: WebhookReceiver): number {
  return new Set(receiver.received.map((one) => one.id)).size;
}

function senders(receiver: WebhookReceiver): Set<string> {
  return new Set(receiver.received.map((one) => String(one.headers['user-agent'])));
}

async function withoutCrashes(database: WebhookTask['database']): Promise<void> {
  await using receiver = await WebhookReceiver.start();
  receiver.answer = () => new Promise((resolve) => setImmediate(() => resolve({})));
  const webhooks = [receiver.entry()];
  const children = await Promise.all(['one', 'two'].map((name) => start({ database, name, webhooks })));
  try {
    await Promise.all(children.map((child) => tell(child, { append: events / 2 })));
    await eventually(() => distinct(receiver)).toBe(events);
    // In order, so that what was under way has come.
    await Promise.all(children.map((child) => tell(child, 'stop')));
    expect(receiver.received, 'duplicates').toHaveLength(events);
    expect(receiver.wrong).toEqual([]);
    expect(senders(receiver)).toEqual(new Set(['Holdfast/one', 'Holdfast/two']));
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

async function killedAndStartedAgain(database: WebhookTask['database']): Promise<void> {
  await using receiver = await WebhookReceiver.start();
  const task = (name: string): WebhookTask => ({ database, name, webhooks: [receiver.entry()] });
  const children = [await start(task('one')), await start(task('two'))] as [ChildProcess, ChildProcess];
  try {
    // The one that is to die gets no answers any more after a while, so that it dies with requests under way.
    let answered = 0;
    receiver.answer = (one) => {
      answered += 1;
      return answered > 60 && one.headers['user-agent'] === 'Holdfast/one' ? null : {};
    };
    await Promise.all(children.map((child) => tell(child, { append: events / 2 })));
    await eventually(() => answered).toBeGreaterThan(60);
    children[0].kill('SIGKILL');
    await once(children[0], 'exit');
    receiver.answer = () => ({});
    children[0] = await start(task('one'));
    await eventually(() => distinct(receiver)).toBe(events);
    await Promise.all(children.map((child) => tell(child, 'stop')));
    expect(receiver.received.length - events, 'what was under way when it died comes twice').toBeLessThanOrEqual(
      concurrency,
    );
    expect(receiver.wrong).toEqual([]);
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

async function onSqlite(run: (database: WebhookTask['database']) => Promise<void>): Promise<void> {
  const { file, remove } = await sqliteFile();
  await run({ kind: 'sqlite', file }).finally(remove);
}

async function onPostgres(run: (database: WebhookTask['database']) => Promise<void>): Promise<void> {
  await run({ kind: 'postgres', url: await postgres.createDatabase() });
}

describe.each([
  ['SQLite', onSqlite],
  ['PostgreSQL', onPostgres],
] as const)('two processes on %s', (_name, on) => {
  it(`deliver ${events} events once each`, () => on(withoutCrashes));
  it('lose none when one is killed and started again', () => on(killedAndStartedAgain));
});
