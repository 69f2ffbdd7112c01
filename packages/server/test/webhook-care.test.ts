/** Looking after webhooks: the administrators' API, the command line, metrics. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { WebhookDeliveryList, WebhookEndpointList } from '@holdfast/protocol';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config/load.ts';
import { freePort } from '../src/testing/free-port.ts';
import { signatureHeaders } from '../src/webhooks/signature.ts';
import { runCommand } from './command-line.ts';
import { expectProblem, RunningNode, someBytes } from './running-node.ts';
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

describe('looking after webhooks', () => {
  test('is for administrators: with API keys, those that are named', async () => {
    const keys = { HOLDFAST_API_KEYS: 'root:0123456789abcdef,ana:fedcba9876543210' };
    const { apiKeys } = loadConfig({ env: keys, flags: {} });
    await using node = await RunningNode.start({ config: { apiKeys, admins: ['root'] }, apiKey: 'fedcba9876543210' });
    const asked = await Promise.all([
      node.json('GET', '/v1/webhooks'),
      node.json('GET', '/v1/webhooks/failures'),
      node.json('POST', '/v1/webhooks/retry', { all: true }),
      node.json('POST', '/v1/webhooks/test', { endpoint: 'http://127.0.0.1/' }),
    ]);
    for (const answer of asked) expect(expectProblem(answer, 403, 'forbidden').detail).toMatch(/HOLDFAST_ADMINS/);
    const root = await node.fetch('/v1/webhooks', { headers: { authorization: 'Bearer 0123456789abcdef' } });
    expect(await root.json()).toEqual({ items: [] });
  });

  test('refuses what it does not know, and what is unclear', async () => {
    await using receiver = await WebhookReceiver.start();
    await using node = await nodeFor([receiver.entry()]);
    const post = (path: string, body: unknown) => node.json('POST', `/v1/webhooks/${path}`, body);
    expectProblem(await post('test', { endpoint: 'http://169.254.169.254/' }), 404, 'webhook-not-found');
    expectProblem(await post('retry', { endpoint: 'nobody' }), 404, 'webhook-not-found');
    expectProblem(await post('retry', { id: 'evt_none_1' }), 404, 'webhook-not-found');
    expectProblem(await node.json('GET', '/v1/webhooks/failures?endpoint=x'), 404, 'webhook-not-found');
    for (const body of [{}, { all: true, id: 'x' }, { all: false }, { id: 5 }, { ids: [] }, [], null])
      expectProblem(await post('retry', body), 400, 'invalid-request');
    expectProblem(await node.json('GET', '/v1/webhooks/failures?cursor=x'), 400, 'invalid-request');
    expect(receiver.received).toEqual([]);
  });

  test('an endpoint goes by its id, its URL, or what is shown of it where that is clear', async () => {
    await using receiver = await WebhookReceiver.start();
    const { origin } = new URL(receiver.url);
    const urls = [origin, `${receiver.url}?a`, `${receiver.url}?b`];
    await using node = await nodeFor(urls.map((url) => ({ url, secret: receiver.secret })));
    const ping = (endpoint: string) => node.json('POST', '/v1/webhooks/test', { endpoint });
    for (const name of [origin, `${origin}/`, urls[1] ?? '', (await endpoints(node))[2]?.id ?? ''])
      expect(await ping(name), name).toMatchObject({ status: 200, body: { delivered: true } });
    expect(receiver.received.map((one) => one.path)).toEqual(['/', '/', '/hook?a', '/hook?b']);
    expect(expectProblem(await ping(receiver.url), 400, 'invalid-request').detail).toMatch(/by its id/);
  });

  test('secrets are nowhere to be seen, neither in answers nor in metrics', async () => {
    await using receiver = await WebhookReceiver.start();
    receiver.answer = () => ({ status: 500 });
    const url = `${receiver.url}?token=hidden-word`;
    await using node = await nodeFor([{ url, secret: receiver.secret }]);
    await node.upload(someBytes(10));
    await receiver.until('upload.completed');
    expect(receiver.received[0]?.path).toBe('/hook?token=hidden-word');
    await eventually(() => failures(node)).not.toEqual([]);
    const paths = ['/v1/webhooks', '/v1/webhooks/failures', '/metrics', '/openapi.json'];
    const texts = await Promise.all(paths.map(async (path) => (await node.fetch(path)).text()));
    for (const text of texts)
      for (const hidden of [receiver.secret.slice(6), 'hidden-word']) expect(text).not.toContain(hidden);
    const metrics = texts[2] ?? '';
    const host = `127.0.0.1:${receiver.port}`;
    expect(metrics).toMatch(new RegExp(`holdfast_webhook_attempts_total{host="${host}",outcome="retrying"} [1-9]`));
    expect(metrics).toMatch(new RegExp(`holdfast_webhooks_pending{host="${host}"} [1-9]`));
  });

  test('metrics tell where webhooks go to administrators only', async () => {
    const keys = { HOLDFAST_API_KEYS: 'root:0123456789abcdef,ana:fedcba9876543210' };
    const { apiKeys } = loadConfig({ env: keys, flags: {} });
    await using receiver = await WebhookReceiver.start();
    await using node = await nodeFor([receiver.entry()], { apiKeys, admins: ['root'] });
    const metrics = async (key: string) => await (await node.as(key).fetch('/metrics')).text();
    await node.as('fedcba9876543210').upload(someBytes(10));
    await receiver.until('upload.completed');
    const host = `127.0.0.1:${receiver.port}`;
    await eventually(() => metrics('0123456789abcdef')).toContain(`{host="${host}",outcome="delivered"}`);
    const toOthers = await metrics('fedcba9876543210');
    expect(toOthers).not.toContain(host);
    expect(toOthers).toMatch(/holdfast_webhook_attempts_total\{host="[0-9a-f]{16}",outcome="delivered"\} [1-9]/);
  });
});

test('the receiver of the document verifies what comes, and refuses what was changed', async () => {
  const text = await readFile(new URL('../../../docs/webhooks.md', import.meta.url), 'utf8');
  const program = /```js\n([\s\S]*?)```/.exec(text)?.[1] ?? expect.fail('There is no receiver in the document.');
  const [port, secret] = [await freePort(), newSecret()];
  const env = { ...process.env, WEBHOOK_SECRET: secret, PORT: String(port) };
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { env });
  try {
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()));
    const url = `http://127.0.0.1:${port}/`;
    await using node = await nodeFor([{ url, secret, events: ['upload.completed'] }]);
    const upload = await node.upload(someBytes(10), { filename: 'lecture.mp4' });
    await eventually(() => endpoints(node)).toMatchObject([{ delivered: 1 }]);
    expect(said).toContain(`lecture.mp4 is at /v1/assets/${upload.sha256}/content`);
    const body = JSON.stringify({ id: 'evt_1', type: 'upload.completed', upload: {} });
    const key = Buffer.from(newSecret().slice(6), 'base64');
    const headers = { ...signatureHeaders({ id: 'evt_1', body }, [key], Date.now()) };
    expect((await fetch(url, { method: 'POST', body, headers })).status, 'another secret').toBe(400);
    const old = signatureHeaders({ id: 'evt_1', body }, [Buffer.from(secret.slice(6), 'base64')], Date.now() - 600_000);
    expect((await fetch(url, { method: 'POST', body, headers: { ...old } })).status, 'ten minutes old').toBe(400);
    expect((await fetch(url, { method: 'POST', body })).status, 'no signature').toBe(400);
  } finally {
    child.kill('SIGKILL');
  }
});

describe('holdfast webhooks', () => {
  test('lists, shows failures, sends again and tests', async () => {
    await using receiver = await WebhookReceiver.start();
    receiver.answer = () => ({ status: 500, body: 'out of \u001b[31morder' });
    await using node = await nodeFor([receiver.entry(completedOnly)], { webhookFirstRetrySeconds: 3_000 });
    const run = (...args: string[]) => runCommand(['webhooks', ...args, '--server', node.url]);
    expect(await run('failures')).toMatchObject({ exitCode: 0, stdout: 'Nothing has failed.\n' });
    const upload = await node.upload(someBytes(10));
    const id = `evt_${upload.id}_${upload.lastEvent}`;
    await eventually(() => failures(node)).toHaveLength(1);
    const table = await run('failures');
    expect(table.stdout).toMatch(/^ID +TYPE +STATE +ATTEMPTS +NEXT +URL +LAST ERROR\n/);
    expect(table.stdout).toContain(`${id}  upload.completed  pending  1 `);
    expect(table.stdout).toMatch(/in \d+ min .*500: out of \[31morder\n$/);
    expect(JSON.parse((await run('failures', '--json')).stdout)).toEqual({ items: await failures(node) });
    expect((await run('list')).stdout).toMatch(/active +1 +0 +0 +- +\d+ s ago +http.*\/hook +upload\.completed\n$/);
    const failed = await run('test', receiver.url);
    expect(failed).toMatchObject({ exitCode: 1 });
    expect(failed.stdout).toMatch(/did not take the ping \(\d+ ms\): 500: out of/);
    receiver.answer = () => ({});
    expect(await run('retry', id)).toMatchObject({ exitCode: 0, stdout: '1 to be sent again now.\n' });
    await eventually(() => endpoints(node)).toMatchObject([{ delivered: 1 }]);
    expect(await run('retry', '--all')).toMatchObject({ exitCode: 0, stdout: 'Nothing to send again.\n' });
    const ping = await run('test', '--endpoint', receiver.url);
    expect(ping).toMatchObject({ exitCode: 0 });
    expect(receiver.of('webhook.ping' as never)).toHaveLength(2);
    expect(receiver.wrong).toEqual([]);
  });

  test('says what is wrong', async () => {
    await using node = await nodeFor([]);
    const run = (...args: string[]) => runCommand(['webhooks', ...args, '--server', node.url]);
    expect((await run('list')).stdout).toMatch(/No endpoints are configured/);
    const unknown = await run('test', 'http://nowhere.example/');
    expect(unknown).toMatchObject({ exitCode: 1 });
    expect(unknown.stderr).toMatch(/No endpoint/);
    expect(await run('retry')).toMatchObject({ exitCode: 2 });
    expect(await run('retry', 'x', '--all')).toMatchObject({ exitCode: 2 });
    expect(await run('test')).toMatchObject({ exitCode: 2 });
    expect(await run('failures', '--limit', '0')).toMatchObject({ exitCode: 2 });
    expect(await run('list', '--colour')).toMatchObject({ exitCode: 2 });
    expect(await runCommand(['webhooks', 'list', '--server', 'http://127.0.0.1:1'])).toMatchObject({ exitCode: 3 });
  });
});
