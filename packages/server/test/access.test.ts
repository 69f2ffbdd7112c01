/** Secure by default: keys, sessions, hosts and origins; what each may reach. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { ApiKeys } from '../src/http/api-keys.ts';
import { EventReader } from './event-reader.ts';
import { RawConnection } from './raw-connection.ts';
import { expectProblem, RunningNode, someBytes } from './running-node.ts';

const key = 'a-key-of-enough-length';
const ana = { principal: 'ana', sha256: createHash('sha256').update(key).digest('hex') };
const otherKey = 'another-key-of-enough-length';
const ben = { principal: 'ben', sha256: createHash('sha256').update(otherKey).digest('hex') };
const apiKeys = [ana, ben];

/** What a browser sends that signed in at that time. */
function sessionOf(at: number): { cookie: string } {
  return { cookie: `holdfast-session=${new ApiKeys(apiKeys).issueSession(ana, at).value}` };
}

describe('with API keys', () => {
  let node: RunningNode;
  beforeAll(async () => {
    node = await RunningNode.start({ config: { apiKeys, corsOrigins: ['https://app.example'] } });
  });
  afterAll(async () => {
    await node.close();
  });

  const get = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
    const response = await node.fetch(path, { ...init, headers });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
  };

  it.each([
    ['none', {}],
    ['an unknown key', { authorization: 'Bearer not-a-key-of-ours' }],
    ['the key with a space after it', { authorization: `Bearer ${key}  x` }],
    ['basic', { authorization: `Basic ${Buffer.from(`ana:${key}`).toString('base64')}` }],
    ['an empty bearer', { authorization: 'Bearer ' }],
    ['a cookie that nobody signed', { cookie: `holdfast-session=9999999999999.${'0'.repeat(64)}` }],
    ['an old cookie', { cookie: `holdfast-session=1000000000000.${'0'.repeat(64)}` }],
    ['a cookie of nonsense', { cookie: 'holdfast-session=%00' }],
  ])('C11: credentials: %s → 401 on everything that is not public', async (_name, headers) => {
    for (const path of [
      '/v1/uploads',
      '/v1/assets',
      '/v1/runs',
      '/v1/events',
      '/v1/server',
      '/v1/session',
      '/metrics',
      '/v1/uploads/x',
    ]) {
      const answer = await get(path, headers);
      expectProblem(answer, 401, 'unauthenticated');
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
    expectProblem(
      await get(
        '/v1/uploads',
        { ...headers, 'content-type': 'application/json' },
        { method: 'POST', body: '{"filename":"a","size":1}' },
      ),
      401,
      'unauthenticated',
    );
    expectProblem(await get('/v1/uploads/x/chunks/0', headers, { method: 'PUT', body: 'abc' }), 401, 'unauthenticated');
  });

  test('C8: health and the API document need no key', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/openapi.json'])
      expect((await get(path)).status).toBe(200);
  });

  test('the key opens; "bearer" in any case', async () => {
    expect((await get('/v1/uploads', { authorization: `Bearer ${key}` })).status).toBe(200);
    expect((await get('/v1/uploads', { authorization: `bearer ${key}` })).status).toBe(200);
  });

  test('a browser signs in with a cookie that scripts cannot read, and out again', async () => {
    const json = { 'content-type': 'application/json' };
    expectProblem(
      await get('/v1/session', json, { method: 'POST', body: JSON.stringify({ apiKey: 'wrong' }) }),
      401,
      'unauthenticated',
    );
    expectProblem(
      await get('/v1/session', json, { method: 'POST', body: JSON.stringify({ key }) }),
      400,
      'invalid-request',
    );
    const answer = await get('/v1/session', json, { method: 'POST', body: JSON.stringify({ apiKey: key }) });
    expect(answer.status).toBe(204);
    const set = answer.headers.get('set-cookie') ?? '';
    expect(set).toMatch(/HttpOnly/);
    expect(set).toMatch(/SameSite=Strict/);
    expect(set).not.toContain(key);
    const cookie = set.split(';')[0] ?? '';
    expect((await get('/v1/uploads', { cookie })).status).toBe(200);
    expect((await get('/v1/session', { cookie })).body).toEqual({ principal: 'ana' });
    expectProblem(
      await get('/v1/uploads', { cookie: `${cookie.slice(0, -1)}${cookie.endsWith('0') ? '1' : '0'}` }),
      401,
      'unauthenticated',
    );
    const reader = await EventReader.open(`${node.url}/v1/events`, undefined, { cookie });
    reader.close();
    expect((await get('/v1/session', {}, { method: 'DELETE' })).headers.get('set-cookie')).toMatch(
      /holdfast-session=;/,
    );
  });

  test('a browser that signs out gets no events any more, and only that browser', async () => {
    const [one, other] = [sessionOf(Date.now()), sessionOf(Date.now() - 1_000)];
    const [stream, again, kept] = await Promise.all(
      [one, one, other].map((headers) => EventReader.open(`${node.url}/v1/events`, undefined, headers)),
    );
    expect((await get('/v1/session', {}, { method: 'DELETE' })).status).toBe(204);
    expect((await get('/v1/session', one, { method: 'DELETE' })).status).toBe(204);
    expect([await stream?.ended(), await again?.ended()]).toEqual([true, true]);
    const { id } = await node.as(key).create({ size: 1 });
    await kept?.until((events) => events.some(({ data }) => data.subjectId === id));
    kept?.close();
  });

  test('a copy of a cookie is of no use once its browser has signed out, however it is written, and others stay', async () => {
    const [one, other] = [sessionOf(Date.now() - 2_000), sessionOf(Date.now() - 3_000)];
    expect((await get('/v1/uploads', one)).status).toBe(200);
    expect((await get('/v1/session', one, { method: 'DELETE' })).status).toBe(204);
    const longer = { cookie: one.cookie.replace('=', '=0') };
    for (const copy of [one, longer]) {
      expectProblem(await get('/v1/uploads', copy), 401, 'unauthenticated');
      await expect(EventReader.open(`${node.url}/v1/events`, undefined, copy)).rejects.toThrow(/401/);
    }
    expect((await get('/v1/uploads', other)).status).toBe(200);
    // Once more, and one that nobody signed: nothing to end.
    expect((await get('/v1/session', one, { method: 'DELETE' })).status).toBe(204);
    const forged = { cookie: `holdfast-session=9999999999999.${'0'.repeat(64)}` };
    expect((await get('/v1/session', forged, { method: 'DELETE' })).status).toBe(204);
  });

  test('a stream of events ends with the session that opened it', async () => {
    const sessionMs = 12 * 3_600_000;
    const headers = sessionOf(Date.now() - sessionMs + 1_500);
    const reader = await EventReader.open(`${node.url}/v1/events`, undefined, headers);
    expect(await reader.ended()).toBe(true);
    await expect(EventReader.open(`${node.url}/v1/events`, undefined, headers)).rejects.toThrow(
      /401 .*unauthenticated/,
    );
  });

  test('C11: one key that opens streams of events without end, for whomever, leaves others theirs', async () => {
    const as = (subject: string) => ({ authorization: `Bearer ${key}`, 'holdfast-subject': subject });
    const wish = { method: 'POST', body: '{"filename":"a","size":1}' };
    const { body: upload } = await get('/v1/uploads', { ...as('a'), 'content-type': 'application/json' }, wish);
    const token = { method: 'POST', body: JSON.stringify({ uploadId: upload.id }) };
    const issued = await get('/v1/upload-tokens', { ...as('a'), 'content-type': 'application/json' }, token);
    expect(issued.status).toBe(201);
    const open = async (headers: Record<string, string>, path = '/v1/events') => {
      const connection = await RawConnection.open(node.port);
      const lines = Object.entries({ ...headers, accept: 'text/event-stream' }).map((pair) => pair.join(': '));
      connection.head(`GET ${path}`, lines);
      await expect.poll(() => connection.received, { interval: 5 }).toContain('\r\n\r\n');
      return connection;
    };
    const greedy: RawConnection[] = [];
    for (let one = 0; !greedy.at(-1)?.received.startsWith('HTTP/1.1 429') && one < 30; one += 1)
      greedy.push(...(await Promise.all(Array.from({ length: 50 }, () => open(as(`greedy-${one}`))))));
    const bearer = await open({ authorization: `Bearer ${issued.body.token}` }, `/v1/uploads/${upload.id}/events`);
    expect(bearer.received).toMatch(/^HTTP\/1\.1 429 /);
    bearer.destroy();
    const other = await open({ authorization: `Bearer ${otherKey}` });
    expect(other.received).toMatch(/^HTTP\/1\.1 200 /);
    const refusal = await greedy.at(-1)?.answer();
    expect(refusal?.headers.get('retry-after')).toBe('30');
    for (const connection of [...greedy, other]) connection.destroy();
  });

  test('C11: a foreign page may not change anything; an allowed origin may', async () => {
    const authorization = `Bearer ${key}`;
    const create = { method: 'POST', body: '{"filename":"a","size":1}' };
    const headers = { authorization, 'content-type': 'application/json' };
    for (const origin of [
      'https://evil.example',
      'null',
      'https://app.example.evil.example',
      `http://127.0.0.1:${node.port + 1}`,
    ])
      expectProblem(await get('/v1/uploads', { ...headers, origin }, create), 403, 'forbidden');
    for (const origin of ['https://app.example', node.url])
      expect((await get('/v1/uploads', { ...headers, origin }, create)).status).toBe(201);
    expect(
      (await get('/v1/uploads', { authorization, origin: 'https://evil.example' })).headers.get(
        'access-control-allow-origin',
      ),
    ).not.toBe('https://evil.example');
    expect(
      (await get('/v1/uploads', { authorization, origin: 'https://app.example' })).headers.get(
        'access-control-allow-origin',
      ),
    ).toBe('https://app.example');
    const preflight = await get(
      '/v1/uploads/x/chunks/0',
      {
        origin: 'https://app.example',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization,content-digest',
      },
      { method: 'OPTIONS' },
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT');
  });

  test('C11: a refused body is not read into memory, and its connection can be used again', async () => {
    const connection = await RawConnection.open(node.port);
    const body = someBytes(300_000);
    connection.head('PUT /v1/uploads/x/chunks/0', [`Content-Length: ${body.length}`]);
    connection.send(body);
    expect((await connection.answer()).status).toBe(401);
    connection.head('GET /health/live', []);
    expect((await connection.answer()).status).toBe(200);
    connection.destroy();
  });
});

describe('without keys', () => {
  let node: RunningNode;
  beforeAll(async () => {
    node = await RunningNode.start();
  });
  afterAll(async () => {
    await node.close();
  });

  it.each([
    'evil.example',
    'evil.example:80',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '',
    '0.0.0.0',
    '192.168.0.1',
  ])('C11: the host %j is not answered: a rebound name would open the server to any page', async (host) => {
    const connection = await RawConnection.open(node.port);
    connection.send(`GET /v1/uploads HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expectProblem(await connection.answer(), 403, 'forbidden');
    connection.destroy();
  });

  it.each(['localhost', 'LOCALHOST:1234', '127.0.0.1', '[::1]:8080'])('the host %s is', async (host) => {
    const connection = await RawConnection.open(node.port);
    connection.send(`GET /v1/uploads HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect((await connection.answer()).status).toBe(200);
    connection.destroy();
  });

  test('signing in is harmless', async () => {
    const answer = await node.json('POST', '/v1/session', { apiKey: 'anything' });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('set-cookie')).toBeNull();
  });
});
