/** The bytes of assets: ranges (RFC 9110 §14), conditional requests, safe headers for what strangers uploaded. */
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { RawConnection } from './raw-connection.ts';
import { chunkBytes, expectProblem, RunningNode, someBytes } from './running-node.ts';

let node: RunningNode;
const bytes = someBytes(chunkBytes + 1000);
const size = bytes.length;
let path = '';
let etag = '';
beforeAll(async () => {
  node = await RunningNode.start();
  const { assetId } = await node.upload(bytes, { filename: 'Clase "1" ñ.mp4', contentType: 'video/mp4' });
  path = `/v1/assets/${assetId}/content`;
  etag = `"${assetId}"`;
});
afterAll(async () => {
  await node.close();
});

async function get(headers: Record<string, string>, method = 'GET') {
  const response = await node.fetch(path, { method, headers });
  return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) };
}

test('whole', async () => {
  const { status, headers, body } = await get({});
  expect(status).toBe(200);
  expect(body.equals(bytes)).toBe(true);
  expect(headers.get('content-length')).toBe(String(size));
  expect(headers.get('accept-ranges')).toBe('bytes');
  expect(headers.get('etag')).toBe(etag);
  expect(headers.get('content-type')).toBe('video/mp4');
  expect(headers.get('content-disposition')).toMatch(/^inline; filename=".*"; filename\*=UTF-8''Clase%20/);
  expect(headers.get('content-security-policy')).toMatch(/sandbox/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
});

it.each([
  ['bytes=0-0', 0, 1],
  ['bytes=0-99', 0, 100],
  ['bytes=100-199', 100, 200],
  [`bytes=${size - 1}-`, size - 1, size],
  ['bytes=-1', size - 1, size],
  ['bytes=-500', size - 500, size],
  [`bytes=-${size + 100}`, 0, size],
  ['bytes=0-', 0, size],
  [`bytes=1000-${size * 2}`, 1000, size],
  [`bytes=${chunkBytes - 5}-${chunkBytes + 4}`, chunkBytes - 5, chunkBytes + 5],
])('range %s', async (range, start, end) => {
  const { status, headers, body } = await get({ range });
  expect(status).toBe(206);
  expect(headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${size}`);
  expect(headers.get('content-length')).toBe(String(end - start));
  expect(body.equals(bytes.subarray(start, end))).toBe(true);
});

it.each([`bytes=${size}-`, `bytes=${size + 5}-${size + 10}`, 'bytes=-0'])(
  'range %s cannot be satisfied',
  async (range) => {
    const { status, headers, body } = await get({ range });
    expect(headers.get('content-range')).toBe(`bytes */${size}`);
    expect(headers.get('cache-control')).toBeNull();
    expectProblem({ status, headers, body: JSON.parse(body.toString()) }, 416, 'range-not-satisfiable');
  },
);

it.each(['bytes=0-9,20-29', 'items=0-9', 'bytes=a-b', 'bytes', 'bytes=', 'bytes=5-2'])(
  'range %s is passed over: the whole',
  async (range) => {
    const { status, body } = await get({ range });
    expect([200, 416]).toContain(status);
    if (status === 200) expect(body.equals(bytes)).toBe(true);
  },
);

test('If-Range with our ETag gives the part, with another the whole', async () => {
  expect((await get({ range: 'bytes=0-9', 'if-range': etag })).status).toBe(206);
  for (const other of ['"x"', `W/${etag}`, 'Wed, 21 Oct 2026 07:28:00 GMT'])
    expect((await get({ range: 'bytes=0-9', 'if-range': other })).status).toBe(200);
});

test('If-None-Match', async () => {
  for (const value of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const { status, headers, body } = await get({ 'if-none-match': value });
    expect(status).toBe(304);
    expect(headers.get('etag')).toBe(etag);
    expect(body).toHaveLength(0);
  }
  expect((await get({ 'if-none-match': '"x"' })).status).toBe(200);
});

test('HEAD tells the same and sends nothing', async () => {
  const whole = await get({}, 'HEAD');
  expect(whole).toMatchObject({ status: 200 });
  expect(whole.headers.get('content-length')).toBe(String(size));
  expect(whole.body).toHaveLength(0);
  const part = await get({ range: 'bytes=0-9' }, 'HEAD');
  expect(part.status).toBe(206);
  expect(part.headers.get('content-length')).toBe('10');
});

it.each([
  ['text/html', Buffer.from('<script>alert(1)</script>')],
  ['image/svg+xml', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')],
  ['application/javascript', Buffer.from('alert(1)')],
])('C11: content of type %s is never shown in our origin', async (contentType, content) => {
  const { assetId } = await node.upload(content, { filename: 'x.html', contentType });
  const { headers } = await node.fetch(`/v1/assets/${assetId}/content`);
  expect(headers.get('content-type')).toBe('application/octet-stream');
  expect(headers.get('content-disposition')).toMatch(/^attachment/);
  expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
});

test('C11: the type is what the bytes say, not what the client says', async () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  const { assetId } = await node.upload(png, { filename: 'film.mp4', contentType: 'video/mp4' });
  expect((await node.json<{ contentType: string }>('GET', `/v1/assets/${assetId}`)).body.contentType).toBe('image/png');
});

test('a reader that goes away in the middle leaves nothing open', async () => {
  const openAssets = () =>
    readdirSync('/proc/self/fd').filter((fd) => /\/assets\/.*[0-9a-f]{64}$/.test(target(fd))).length;
  for (let i = 0; i < 10; i += 1) {
    const reader = await RawConnection.open(node.port);
    reader.head(`GET ${path}`, []);
    await sleep(i);
    reader.destroy();
  }
  await expect.poll(openAssets, { timeout: 5_000 }).toBe(0);
});

/** What a descriptor points at; empty when it was closed meanwhile. */
function target(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}
