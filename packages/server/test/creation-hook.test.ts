/** The hook that may refuse an upload before it is created, whatever protocol it comes by. */
import { fileURLToPath } from 'node:url';
import type { CreationQuestion, Problem } from '@holdfast/protocol';
import { describe, expect, it, test } from 'vitest';
import { freePort } from '../src/testing/free-port.ts';
import { FormClient } from './chunked-form-client.ts';
import { runCommand } from './command-line.ts';
import { type Answer, expectProblem, RunningNode, sha256, someBytes } from './running-node.ts';
import { newSecret, WebhookReceiver } from './webhook-receiver.ts';

function nodeWith(creationHook: object): Promise<RunningNode> {
  return RunningNode.start({ config: { creationHook } });
}

function create(node: RunningNode, more: object = {}): Promise<Answer<Problem>> {
  return node.json('POST', '/v1/uploads', { filename: 'film.mp4', size: 10, contentType: 'video/mp4', ...more });
}

function begin(node: RunningNode, filename = 'film.mp4') {
  return new FormClient(node).post('init', { filename, file_size: 10, total_chunks: 1 });
}

async function uploads(node: RunningNode): Promise<number> {
  return (await node.json<{ items: unknown[] }>('GET', '/v1/uploads')).body.items.length;
}

test('is asked about every upload of every protocol, signed, with what there is to know', async () => {
  await using hook = await WebhookReceiver.start();
  await using node = await nodeWith(hook.entry());
  const digest = sha256(someBytes(10));
  const created = await create(node, { sha256: digest, metadata: { speaker: 'Ada' } });
  expect(created.status).toBe(201);
  const { id } = created.body as unknown as { id: string };
  expect((await begin(node)).status).toBe(200);
  expect(hook.wrong).toEqual([]);
  const [native, form] = hook.received.map((one) => one.message as unknown as CreationQuestion);
  expect(native).toEqual({
    id: `creation_${id}`,
    type: 'upload.creating',
    timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    principal: 'anonymous',
    upload: {
      id,
      protocol: 'native',
      filename: 'film.mp4',
      size: 10,
      contentType: 'video/mp4',
      sha256: digest,
      metadata: { speaker: 'Ada' },
    },
  });
  expect(form?.upload).toMatchObject({ protocol: 'chunked-form', filename: 'film.mp4', size: 10 });
});

test('can refuse: nothing is created, and its words reach the client through both protocols', async () => {
  await using hook = await WebhookReceiver.start();
  hook.answer = () => ({ status: 422, body: JSON.stringify({ message: 'No films on Sundays.' }) });
  await using node = await nodeWith(hook.entry());
  const problem = expectProblem(await create(node), 403, 'creation-refused');
  expect(problem).toMatchObject({ detail: 'No films on Sundays.', retryable: false, details: { hookStatus: 422 } });
  expect(await begin(node)).toMatchObject({
    status: 403,
    body: { detail: 'No films on Sundays.', code: 'creation-refused', retryable: false },
  });
  expect(await uploads(node)).toBe(0);
  const metrics = await (await node.fetch('/metrics')).text();
  expect(metrics).toContain('holdfast_creation_hook_total{outcome="refused"} 2');
});

test('its words are what the command line says, at once and not after retries', async () => {
  await using hook = await WebhookReceiver.start();
  hook.answer = () => ({ status: 403, body: JSON.stringify({ message: 'No films on Sundays.' }) });
  await using node = await nodeWith(hook.entry());
  const ran = await runCommand(['upload', fileURLToPath(import.meta.url), '--server', node.url]);
  expect(ran).toMatchObject({ exitCode: 1 });
  expect(ran.stderr).toContain('No films on Sundays.');
  expect(hook.received).toHaveLength(1);
});

describe('what it says to a client', () => {
  const unexplained = /gave no reason/;
  it.each<[string, string | Buffer, RegExp]>([
    [
      'is one line without control characters',
      JSON.stringify({ message: 'a\r\nSet-Cookie: x\u001b[2J\u202eb' }),
      /^a Set-Cookie: x \[2J b$/,
    ],
    ['is not longer than 500 characters', JSON.stringify({ message: 'x'.repeat(5_000) }), /^x{499}…$/],
    ['is replaced when it is not JSON', '<html>no</html>', unexplained],
    ['is replaced when it is not text', JSON.stringify({ message: { a: 1 } }), unexplained],
    ['is replaced when it is empty', JSON.stringify({ message: ' \n' }), unexplained],
    ['is replaced when it is null', 'null', unexplained],
    ['is replaced when it is larger than is read', JSON.stringify({ message: 'y'.repeat(100_000) }), unexplained],
  ])('%s', async (_name, body, expected) => {
    await using hook = await WebhookReceiver.start();
    hook.answer = () => ({ status: 403, body });
    await using node = await nodeWith(hook.entry());
    const problem = expectProblem(await create(node), 403, 'creation-refused');
    expect(problem.detail).toMatch(expected);
  });
});

describe('when it gives no answer that means yes or no', () => {
  const silences: readonly [string, WebhookReceiver['answer']][] = [
    ['none within its time', () => null],
    ['an error', () => ({ status: 500, body: '{"message":"secret insides"}' })],
    ['a redirect', () => ({ status: 302, headers: { location: '/elsewhere' } })],
  ];
  it.each(silences)('%s: the upload is refused for now', async (_name, answer) => {
    await using hook = await WebhookReceiver.start();
    hook.answer = answer;
    await using node = await nodeWith(hook.entry({ timeoutSeconds: 0.3 }));
    const refused = await create(node);
    const problem = expectProblem(refused, 503, 'unavailable');
    expect(problem).toMatchObject({ retryable: true });
    expect(problem.detail).not.toContain('insides');
    expect(refused.headers.get('retry-after')).toBe('2');
    expect(await begin(node)).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    expect(await uploads(node)).toBe(0);
    hook.answer = () => ({});
    expect((await create(node)).status).toBe(201);
  });

  it.each(silences)('%s: the upload is created, if that is the policy', async (_name, answer) => {
    await using hook = await WebhookReceiver.start();
    hook.answer = answer;
    await using node = await nodeWith(hook.entry({ timeoutSeconds: 0.3, whenUnreachable: 'allow' }));
    expect((await create(node)).status).toBe(201);
    expect((await begin(node)).status).toBe(200);
    expect(hook.received).toHaveLength(2);
    hook.answer = () => ({ status: 403 });
    expect((await create(node)).status, 'a no is a no under every policy').toBe(403);
  });

  it('nobody listens: as the policy says', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;
    await using strict = await nodeWith({ url, secret: newSecret() });
    expectProblem(await create(strict), 503, 'unavailable');
    await using open = await nodeWith({ url, secret: newSecret(), whenUnreachable: 'allow' });
    expect((await create(open)).status).toBe(201);
  });
});

test('is not asked about what is refused anyway; and is asked about content that is there already', async () => {
  await using hook = await WebhookReceiver.start();
  await using node = await nodeWith(hook.entry());
  expectProblem(await create(node, { size: -1 }), 400, 'invalid-size');
  expectProblem(await create(node, { size: 2 ** 50 }), 413, 'file-too-large');
  expectProblem(await create(node, { sha256: 'x' }), 400, 'invalid-digest');
  expect(hook.received).toEqual([]);
  const bytes = someBytes(10);
  await node.upload(bytes);
  hook.answer = () => ({ status: 403 });
  expectProblem(await create(node, { sha256: sha256(bytes) }), 403, 'creation-refused');
});
