/** C11: how often one address may ask, and how much one principal may have open. */
import { createHash } from 'node:crypto';
import type { Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FormClient, formChunkBytes } from './chunked-form-client.ts';
import { type Answer, chunkBytes, expectProblem, RunningNode, someBytes } from './running-node.ts';

const key = 'a-key-of-enough-length';
const apiKeys = [{ principal: 'ana', sha256: createHash('sha256').update(key).digest('hex') }];
const behindProxy = { apiKeys, trustedProxies: ['127.0.0.1'] };

/** A request that the proxy on this machine hands on for an address. */
async function from(
  node: RunningNode,
  address: string,
  {
    path = '/v1/uploads',
    bearer = key as string | null,
    ...init
  }: RequestInit & { path?: string; bearer?: string | null } = {},
): Promise<Answer<Record<string, unknown>>> {
  const credentials: Record<string, string> = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
  const headers = { 'x-forwarded-for': address, ...credentials, ...init.headers };
  const response = await fetch(node.url + path, { ...init, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

async function statuses(count: number, ask: () => Promise<Answer<unknown>>): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < count; i += 1) seen.push((await ask()).status);
  return seen;
}

const times = (count: number, status: number): number[] => Array.from({ length: count }, () => status);
const creation = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"filename":"a","size":1}' };

describe('C11: requests per address', () => {
  let node: RunningNode;
  beforeAll(async () => {
    const limits = { readsPerMinute: 5, writesPerMinute: 3, chunksPerMinute: 4, failedSignInsPerMinute: 3 };
    node = await RunningNode.start({ config: { ...behindProxy, ...limits } });
  });
  afterAll(async () => {
    await node.close();
  });

  test('each class is counted for itself and each address too; 429 says when to come back', async () => {
    expect(await statuses(6, () => from(node, '192.0.2.1'))).toEqual([...times(5, 200), 429]);
    expect(await statuses(4, () => from(node, '192.0.2.1', creation))).toEqual([...times(3, 201), 429]);
    const refused = await from(node, '192.0.2.1', creation);
    const problem = expectProblem(refused, 429, 'rate-limited');
    expect(problem.retryable).toBe(true);
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(50);
    expect(wait).toBeLessThanOrEqual(60);
    expect((await from(node, '192.0.2.2', creation)).status).toBe(201);
  });

  test('an IPv6 address counts as its network', async () => {
    let host = 0;
    const next = () => {
      host += 1;
      return from(node, `2001:db8:1:2::${host.toString(16)}`);
    };
    expect(await statuses(6, next)).toEqual([...times(5, 200), 429]);
    expect((await from(node, '2001:db8:1:3::1')).status).toBe(200);
  });

  test('chunks of every dialect are one class, and each dialect refuses in its own words', async () => {
    const chunk = { method: 'PUT', path: '/v1/uploads/x/chunks/0', body: 'x' };
    expect(await statuses(2, () => from(node, '192.0.2.3', chunk))).toEqual(times(2, 404));
    const form = { method: 'POST', path: '/api/chunked-upload/chunk', body: new URLSearchParams({ a: 'b' }) };
    expect(await statuses(2, () => from(node, '192.0.2.3', form))).toEqual(times(2, 400));
    expectProblem(await from(node, '192.0.2.3', chunk), 429, 'rate-limited');
    const refused = await from(node, '192.0.2.3', form);
    expect(refused).toMatchObject({ status: 429, body: { code: 'rate-limited', detail: /Too many requests/ } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    // Not a chunk.
    const init = { method: 'POST', path: '/api/chunked-upload/init', body: new URLSearchParams({ a: 'b' }) };
    expect((await from(node, '192.0.2.3', init)).status).toBe(400);
  });

  test('wrong credentials end with none being tried; requests without any are not guesses', async () => {
    const wrong = () => from(node, '192.0.2.4', { bearer: 'not-a-key-of-ours' });
    expect(await statuses(4, wrong)).toEqual([...times(3, 401), 429]);
    expectProblem(await from(node, '192.0.2.4'), 429, 'rate-limited');
    expect((await from(node, '192.0.2.5')).status).toBe(200);
    expect(await statuses(5, () => from(node, '192.0.2.6', { bearer: null }))).toEqual(times(5, 401));
    const signIn = (apiKey: string) =>
      from(node, '192.0.2.7', { ...creation, path: '/v1/session', bearer: null, body: JSON.stringify({ apiKey }) });
    expect(await statuses(3, () => signIn('wrong'))).toEqual(times(3, 401));
    expectProblem(await from(node, '192.0.2.7'), 429, 'rate-limited');
  });

  test('cookies of others on the same host are no guesses; wrong ones of ours are', async () => {
    const withCookie = (address: string, cookie: string) =>
      from(node, address, { path: '/v1/session', bearer: null, headers: { cookie } });
    expect(await statuses(4, () => withCookie('192.0.2.9', '_ga=GA1.2.3; theme=dark'))).toEqual(times(4, 401));
    expect((await from(node, '192.0.2.9')).status).toBe(200);
    const forged = `theme=dark; holdfast-session=9999999999999.${'0'.repeat(64)}`;
    expect(await statuses(4, () => withCookie('192.0.2.10', forged))).toEqual([...times(3, 401), 429]);
  });

  test('health is always answered', async () => {
    expect(await statuses(8, () => from(node, '192.0.2.8', { path: '/health/live', bearer: null }))).toEqual(
      times(8, 200),
    );
  });
});

describe('C11: whose address counts', () => {
  test('X-Forwarded-For of a peer that is no trusted proxy is not believed', async () => {
    await using node = await RunningNode.start({
      config: { apiKeys, trustedProxies: ['192.0.2.99'], readsPerMinute: 2 },
    });
    // The peer is this machine, which is not counted; were the header believed, its address would be.
    expect(await statuses(4, () => from(node, '192.0.2.1'))).toEqual(times(4, 200));
  });

  test('of several addresses the last that is not a trusted proxy counts: a client cannot make up another', async () => {
    await using node = await RunningNode.start({
      config: { ...behindProxy, trustedProxies: ['127.0.0.1', '10.0.0.0/8'], readsPerMinute: 2 },
    });
    let made = 0;
    const lying = () => {
      made += 1;
      return from(node, `203.0.113.${made}, 192.0.2.1, 10.1.2.3`);
    };
    expect(await statuses(3, lying)).toEqual([200, 200, 429]);
    expect(await statuses(3, () => from(node, '127.0.0.1, 192.0.2.2'))).toEqual([200, 200, 429]);
  });

  test('0 turns a limit off', async () => {
    await using node = await RunningNode.start({
      config: { ...behindProxy, failedSignInsPerMinute: 0, readsPerMinute: 0 },
    });
    expect(await statuses(40, () => from(node, '192.0.2.1', { bearer: 'wrong-wrong-wrong' }))).toEqual(times(40, 401));
  });

  test('a fast honest client is never held up by the defaults', async () => {
    await using node = await RunningNode.start({ config: behindProxy });
    const bytes = someBytes(100 * chunkBytes);
    const body = JSON.stringify({ filename: 'a', size: bytes.length, chunkSize: chunkBytes });
    for (let round = 0; round < 3; round += 1) {
      const made = await from(node, '192.0.2.1', { ...creation, body });
      const chunks = Array.from({ length: 100 }, (_, i) => bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes));
      const path = (i: number) => `/v1/uploads/${made.body['id']}/chunks/${i}`;
      const sent = chunks.map((chunk, i) =>
        from(node, '192.0.2.1', { method: 'PUT', path: path(i), body: new Uint8Array(chunk) }),
      );
      for (const answer of await Promise.all(sent)) expect(answer.status).toBe(200);
    }
  });
});

describe('C11: what a principal may have open', () => {
  let node: RunningNode;
  beforeAll(async () => {
    node = await RunningNode.start({ config: { maxOpenUploads: 4, maxOpenUploadsGb: 10 / 1024 } });
  });
  afterAll(async () => {
    await node.close();
  });
  const MiB = 1024 * 1024;
  const create = (size: number) => node.json<Upload>('POST', '/v1/uploads', { filename: 'a', size });

  test('bytes of unfinished uploads are counted together, at once too; ending one makes room', async () => {
    const made = await Promise.all(Array.from({ length: 6 }, () => create(4 * MiB)));
    const accepted = made.filter((answer) => answer.status === 201);
    expect(accepted).toHaveLength(2);
    for (const answer of made.filter((one) => one.status !== 201)) {
      const problem = expectProblem(answer, 507, 'quota-exceeded');
      expect(problem.details).toEqual({ liveBytesMax: 10 * MiB });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const form = new FormClient(node);
    const refused = await form.post('init', {
      filename: 'a',
      file_size: formChunkBytes,
      total_chunks: 1,
    });
    expect(refused).toMatchObject({ status: 507, body: { code: 'quota-exceeded' } });
    expect((await create(2 * MiB)).status).toBe(201);
    expect((await node.json('DELETE', `/v1/uploads/${accepted[0]?.body.id}`)).status).toBe(200);
    expect((await create(4 * MiB)).status).toBe(201);
  });

  test('their number is limited as well', async () => {
    expect((await create(1)).status).toBe(507);
    const empty = await create(0);
    expect(await node.json('POST', `/v1/uploads/${empty.body.id}/complete`)).toMatchObject({ status: 200 });
    const list = await node.json<{ items: Upload[] }>('GET', '/v1/uploads?state=receiving');
    expect(list.body.items).toHaveLength(3);
    await node.json('DELETE', `/v1/uploads/${list.body.items[0]?.id}`);
    const made = await Promise.all(Array.from({ length: 5 }, () => create(1)));
    expect(made.filter((answer) => answer.status === 201)).toHaveLength(2);
    for (const answer of made.filter((one) => one.status !== 201)) expectProblem(answer, 429, 'too-many-uploads');
  });
});
