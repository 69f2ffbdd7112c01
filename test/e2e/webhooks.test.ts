/** Events outlive the process: killed between what happened and its delivery, the server still tells of it when it is back. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Upload } from '@holdfast/protocol';
import { expect, it, test } from 'vitest';
import { eventually, WebhookReceiver } from '../../packages/server/test/webhook-receiver.ts';
import { holdfast, ServerProcess } from './server-process.ts';
import { Api, seededRandom } from './upload-driver.ts';

function wish(receiver: WebhookReceiver) {
  const webhooks = [receiver.entry({ events: ['upload.created', 'upload.cancelled'] })];
  return {
    args: ['--no-pipeline', '--durability', 'committed'],
    env: { HOLDFAST_RESERVE_MB: '0', HOLDFAST_WEBHOOKS: JSON.stringify(webhooks) },
  };
}

async function create(server: ServerProcess): Promise<Upload> {
  const api = new Api(() => server.url);
  const { body } = await api.json<Upload>('POST', '/v1/uploads', { filename: 'file.bin', size: 10 });
  api.close();
  return body;
}

it.each([
  ['before it took up the event', 'webhook:before-enqueue', 1],
  ['before it recorded that the event was delivered', 'webhook:after-send', 2],
])('killed %s', async (_name, point, times) => {
  await using receiver = await WebhookReceiver.start();
  await using server = await ServerProcess.start(wish(receiver));
  await server.restart({ HOLDFAST_TEST_CRASH_AT: point });
  // The process can die before the answer is out: the upload is there all the same.
  await create(server).catch(() => null);
  expect(await server.exit).toMatchObject({ signal: 'SIGKILL' });
  expect(receiver.received).toHaveLength(times - 1);
  await server.run();
  const all = await receiver.until('upload.created', times);
  expect(new Set(all.map((one) => one.id)).size, 'the same id').toBe(1);
  expect(new Set(all.map((one) => one.text)).size, 'the same words').toBe(1);
  const next = await create(server);
  await eventually(() => receiver.received.at(-1)?.message.subject.id).toBe(next.id);
  expect(receiver.received, 'and never again').toHaveLength(times + 1);
  expect(receiver.wrong).toEqual([]);
});

test('killed while a request is under way: sent again at once when it is back', async () => {
  await using receiver = await WebhookReceiver.start();
  receiver.answer = () => null;
  await using server = await ServerProcess.start(wish(receiver));
  const { id } = await create(server);
  await receiver.until('upload.created');
  await server.kill();
  receiver.answer = () => ({});
  await server.run();
  const [first, second] = await receiver.until('upload.created', 2);
  expect(second).toMatchObject({ id: `evt_${id}_1`, text: first?.text });
});

test('killed again and again at any moment, with a receiver that is no better: every upload that was acknowledged is told of', async () => {
  const seed = Number(process.env['WEBHOOK_SEED'] ?? 1);
  const random = seededRandom(seed);
  await using receiver = await WebhookReceiver.start();
  const moods: (typeof receiver.answer)[] = [() => ({}), () => ({}), () => ({ status: 500 }), () => null];
  receiver.answer = (...args) => (moods[Math.floor(random() * moods.length)] ?? expect.fail())(...args);
  const { args, env } = wish(receiver);
  const quick = { HOLDFAST_WEBHOOK_FIRST_RETRY_SECONDS: '0.05', HOLDFAST_WEBHOOK_TIMEOUT_SECONDS: '0.3' };
  await using server = await ServerProcess.start({ args, env: { ...env, ...quick } });
  const acknowledged: string[] = [];
  for (let kills = 0; kills < 8; kills += 1) {
    acknowledged.push((await create(server)).id);
    const killed = sleep(random() * 600).then(() => server.kill());
    const clients = Array.from({ length: 6 }, async () => {
      while (server.runs) {
        const upload = await create(server).catch(() => null);
        if (upload?.id !== undefined) acknowledged.push(upload.id);
      }
    });
    await Promise.all([killed, ...clients]);
    await server.run();
  }
  receiver.answer = () => ({});
  const told = () => new Set(receiver.received.map((one) => one.message.subject.id));
  const api = new Api(() => server.url);
  const untold = async () => {
    // What failed often would come in a while; nobody wants to wait for that here.
    await api.json('POST', '/v1/webhooks/retry', { all: true });
    return acknowledged.filter((id) => !told().has(id));
  };
  await eventually(untold, `seed ${seed}`).toEqual([]);
  api.close();
  const bodies = Map.groupBy(receiver.received, (one) => one.id);
  for (const [id, same] of bodies) expect(new Set(same.map((one) => one.text)).size, id).toBe(1);
  expect(receiver.wrong).toEqual([]);
  console.log(JSON.stringify({ seed, acknowledged: acknowledged.length, requests: receiver.received.length }));
});

test('stopped in order while a request is under way: it may end, and is not sent twice', async () => {
  await using receiver = await WebhookReceiver.start();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  receiver.answer = async () => {
    await held;
    return {};
  };
  await using server = await ServerProcess.start(wish(receiver));
  await create(server);
  await receiver.until('upload.created');
  const stopped = server.kill('SIGTERM');
  await eventually(() => server.log.some((line) => line.msg?.startsWith('stopping'))).toBe(true);
  release();
  expect(await stopped).toMatchObject({ code: 0 });
  await server.run();
  const { id } = await create(server);
  await eventually(() => receiver.received.at(-1)?.message.subject.id).toBe(id);
  expect(receiver.received).toHaveLength(2);
});

test('the log has every attempt with its id and host, and neither secrets nor what receivers say', async () => {
  await using receiver = await WebhookReceiver.start();
  receiver.answer = () => ({ status: 500, body: 'their insides' });
  const url = `${receiver.url}?token=hidden-word`;
  const env = { HOLDFAST_WEBHOOKS: JSON.stringify([{ url, secret: receiver.secret }]), HOLDFAST_LOG_LEVEL: 'trace' };
  await using server = await ServerProcess.start({ args: ['--no-pipeline'], env });
  const { id } = await create(server);
  const attempt = () => server.log.find((line) => line['messageId'] === `evt_${id}_1`);
  await eventually(attempt).toMatchObject({ type: 'upload.created', status: 500, host: `127.0.0.1:${receiver.port}` });
  const text = JSON.stringify(server.log);
  for (const hidden of [receiver.secret.slice(6), 'hidden-word', 'their insides']) expect(text).not.toContain(hidden);
});

test('settings that cannot be are refused at the start, without their secret', async () => {
  const secret = 'whsec_c2hvcnQ=';
  const env = { HOLDFAST_WEBHOOKS: JSON.stringify([{ url: 'https://app.example/', secret }]) };
  const dataDir = join(tmpdir(), `holdfast-${randomUUID()}`);
  const exit = await holdfast(['serve', '--port', '0', '--data', dataDir, '--no-pipeline'], env);
  expect(exit.code).toBe(2);
  expect(exit.stderr).toMatch(/webhooks\.0\.secret.*24 to 64 random bytes/);
  expect(exit.stderr).not.toContain(secret);
  expect(existsSync(dataDir), 'nothing was made').toBe(false);
});
