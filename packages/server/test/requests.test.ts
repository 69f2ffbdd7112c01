/** C11: requests that are not what HTTP or the API asks for: headers, bodies, addresses, methods. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { RawConnection } from './raw-connection.ts';
import { expectProblem, RunningNode, sha256, someBytes } from './running-node.ts';

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(async () => {
  await node.close();
});

async function raw(requestLine: string, headers: readonly string[], body = '') {
  const connection = await RawConnection.open(node.port);
  connection.head(requestLine, headers);
  connection.send(body);
  const answer = await connection.answer();
  const closed = await connection.closedWithin(200);
  connection.destroy();
  return { answer, closed };
}

test('C11: what is no request, behind one that is being answered: the answer ends, and nothing else gets into it', async () => {
  const connection = await RawConnection.open(node.port);
  connection.head('GET /v1/events', ['Accept: text/event-stream']);
  await expect.poll(() => connection.received).toContain('retry: 1000');
  connection.send('this is no request\r\n\r\n');
  expect(await connection.closedWithin(2_000)).toBe(true);
  expect(connection.received.match(/HTTP\/1\.1/g)).toHaveLength(1);
});

describe('framing', () => {
  const tricks: readonly [string, readonly string[], string][] = [
    ['two lengths that differ', ['Content-Length: 3', 'Content-Length: 4'], 'abcd'],
    ['two lengths that agree', ['Content-Length: 3', 'Content-Length: 3'], 'abc'],
    ['a length and a transfer coding', ['Content-Length: 3', 'Transfer-Encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n'],
    ['a negative length', ['Content-Length: -3'], 'abc'],
    ['a fractional length', ['Content-Length: 3.0'], 'abc'],
    ['a hexadecimal length', ['Content-Length: 0x3'], 'abc'],
    ['a length of 30 digits', [`Content-Length: ${'9'.repeat(30)}`], 'abc'],
    ['an unknown transfer coding', ['Transfer-Encoding: xchunked'], '3\r\nabc\r\n0\r\n\r\n'],
    ['a bad chunk size', ['Transfer-Encoding: chunked'], 'zz\r\nabc\r\n0\r\n\r\n'],
    ['a header name with a space', ['Content-Length : 3'], 'abc'],
  ];
  it.each(tricks)('C11: %s: refused as a problem, connection closed, nothing kept', async (_name, headers, body) => {
    const { id } = await node.create({ size: 3 });
    const { answer, closed } = await raw(`PUT /v1/uploads/${id}/chunks/0`, headers, body);
    expectProblem(answer, 400, answer.body['code'] === 'body-too-short' ? 'body-too-short' : 'invalid-request');
    expect(closed).toBe(true);
    expect(await node.status(id)).toMatchObject({ receivedBytes: 0, state: 'receiving' });
  });

  test('C11: huge headers are refused', async () => {
    const { answer, closed } = await raw('GET /v1/uploads', [`X-Huge: ${'x'.repeat(40_000)}`]);
    expectProblem(answer, 431, 'invalid-request');
    expect(closed).toBe(true);
  });

  test('C11: what is not HTTP is refused', async () => {
    const connection = await RawConnection.open(node.port);
    connection.send('\x16\x03\x01\x02\x00 hello\r\n\r\n');
    expectProblem(await connection.answer(), 400, 'invalid-request');
    expect(await connection.closedWithin(500)).toBe(true);
  });

  test('a client that asks first (Expect: 100-continue) is told to go on', async () => {
    const { id } = await node.create({ size: 3 });
    const connection = await RawConnection.open(node.port);
    connection.head(`PUT /v1/uploads/${id}/chunks/0`, ['Content-Length: 3', 'Expect: 100-continue']);
    expect((await connection.answer()).status).toBe(100);
    connection.send('abc');
    expect(await connection.answer()).toMatchObject({ status: 200 });
    connection.destroy();
  });

  test('C11: a client that expects something else is refused in words', async () => {
    const { answer, closed } = await raw('POST /files', ['Expect: 200-ok', 'Content-Length: 3'], 'abc');
    expect(expectProblem(answer, 417, 'invalid-request').detail).toContain('"200-ok"');
    expect(closed).toBe(true);
  });

  test('two chunks in one packet (pipelining) are both stored', async () => {
    const bytes = someBytes(64 * 1024 + 3);
    const { id } = await node.create({ size: bytes.length });
    const connection = await RawConnection.open(node.port);
    connection.head(`PUT /v1/uploads/${id}/chunks/1`, ['Content-Length: 3']);
    connection.send(bytes.subarray(64 * 1024));
    connection.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${64 * 1024}`]);
    connection.send(bytes.subarray(0, 64 * 1024));
    expect(await connection.answer()).toMatchObject({ status: 200, body: { index: 1 } });
    expect(await connection.answer()).toMatchObject({ status: 200, body: { index: 0 } });
    connection.destroy();
    expect((await node.json('POST', `/v1/uploads/${id}/complete`)).body).toMatchObject({ sha256: sha256(bytes) });
  });
});

describe('JSON bodies', () => {
  const text = '{"filename":"a","size":1}';
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'nonsense',
    'application/jsonx',
  ])('C11: JSON under %s is refused with what to send', async (type) => {
    const response = await node.fetch('/v1/uploads', { method: 'POST', body: text, headers: { 'content-type': type } });
    const answer = { status: response.status, headers: response.headers, body: await response.json() };
    expect(expectProblem(answer, 400, 'invalid-request').detail).toMatch(/application\/json/);
  });

  it.each([
    ['cut off', '{"filename":"a","si'],
    ['empty', ''],
    ['not JSON', 'filename=a&size=1'],
    ['with __proto__', '{"filename":"a","size":1,"__proto__":{"x":1}}'],
    ['with a number too large', '{"filename":"a","size":1e999}'],
    ['larger than 1 MiB', JSON.stringify({ filename: 'x'.repeat(1024 * 1024), size: 1 })],
  ])('C11: a body that is %s is refused', async (name, body) => {
    const response = await node.fetch('/v1/uploads', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    const answer = { status: response.status, headers: response.headers, body: await response.json() };
    const { detail } = expectProblem(answer, 400, name.includes('number') ? 'invalid-size' : 'invalid-request');
    expect(detail.includes('"__proto__"')).toBe(name.includes('__proto__'));
  });
});

describe('addresses', () => {
  it.each([
    ['GET', '/v1'],
    ['GET', '/v2/uploads'],
    ['POST', '/v1/uploads/x'],
    ['PATCH', '/v1/uploads/x'],
    ['PUT', '/v1/uploads/x/chunks'],
    ['PUT', '/v1/uploads/x/chunks/0/1'],
    ['GET', '/v1/uploads/x/chunks/0'],
    ['GET', '/../../etc/passwd'],
    ['GET', '/%2e%2e/%2e%2e/etc/passwd'],
    ['GET', '/v1/assets/../../state.db'],
    ['DELETE', '/v1/assets/abc'],
  ])('C11: %s %s is a problem, not a page', async (method, path) => {
    const answer = await node.json(method, path);
    expect(answer.status).toBe(404);
    expect(['route-not-found', 'asset-not-found']).toContain((answer.body as { code: string }).code);
    expectProblem(answer, 404, (answer.body as { code: string }).code);
  });

  it.each(['/v1/uploads/%', '/v1/uploads/%zz', '/v1/uploads/%c0%ae', '/%ff'])(
    'C11: a malformed address %s is a problem',
    async (path) => {
      const { answer } = await raw(`GET ${path}`, []);
      expectProblem(answer, answer.status, answer.status === 404 ? 'route-not-found' : 'invalid-request');
    },
  );

  test('C11: an id of 10,000 characters', async () => {
    const { status } = await node.json('GET', `/v1/uploads/${'a'.repeat(10_000)}`);
    expect([400, 404]).toContain(status);
  });

  test('every answer carries the security headers', async () => {
    const { headers } = await node.json('GET', '/v1/server');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toMatch(/default-src 'self'/);
    expect(headers.get('x-frame-options')).not.toBeNull();
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
