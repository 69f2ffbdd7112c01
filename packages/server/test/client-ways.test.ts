/** What clients do beside their protocol's words, and what the server makes of it. Seen with tus-js-client 4.3.1. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { append, created, draft, expectRefusal, head, offsetOf } from './ietf-exchange.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';
import { tus } from './tus-client.ts';

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(() => node.close());

const bytes = someBytes(30_000);
const partial = 'Content-Type: application/partial-upload';

describe('an append of the IETF draft by override', () => {
  const headers = [partial, 'Upload-Offset: 0', 'Upload-Complete: ?1'];

  test.each(['PATCH', 'patch'])('POST as %s', async (method) => {
    const path = await created(node);
    const override = `X-HTTP-Method-Override: ${method}`;
    const answer = await draft(node, { method: 'POST', path, headers: [...headers, override], body: bytes });
    expect(answer).toMatchObject({ status: 200, body: { state: 'completed', sha256: sha256(bytes) } });
  });

  test.each([[[]], [['X-HTTP-Method-Override: DELETE']]])('no other POST: %j', async (override) => {
    const path = await created(node);
    const answer = await draft(node, { method: 'POST', path, headers: [...headers, ...override], body: bytes });
    expectRefusal(answer, 404, 'route-not-found');
    expect((await head(node, path)).headers.get('upload-offset')).toBe('0');
  });
});

describe('the end of a stream in the IETF draft, without Upload-Complete', () => {
  async function sent(): Promise<string> {
    const path = await created(node);
    await append(node, path, { offset: 0, complete: false, body: bytes });
    return path;
  }
  const end = (path: string, length: number, body: Uint8Array = new Uint8Array()) => {
    const headers = [partial, `Upload-Offset: ${bytes.length}`, `Upload-Length: ${length}`];
    return draft(node, { method: 'PATCH', path, headers, body, version: 6 });
  };

  test('is the length that is the offset', async () => {
    const answer = await end(await sent(), bytes.length);
    expect(answer).toMatchObject({ status: 200, body: { sha256: sha256(bytes) } });
    expect(offsetOf(answer)).toBe(bytes.length);
  });

  test('is no other length, and no request with content', async () => {
    const path = await sent();
    expectRefusal(await end(path, bytes.length + 1), 400, 'invalid-request');
    expectRefusal(await end(path, bytes.length, bytes), 400, 'invalid-request');
    expect((await head(node, path)).headers.get('upload-complete')).toBe('?0');
  });
});

test.each([{ 'Upload-Length': 5 }, { 'Upload-Defer-Length': 1 }, { 'Upload-Length': 5, 'Upload-Concat': 'partial' }])(
  'tus tells the offset of what was created without bytes: %j',
  async (headers) => {
    const answer = await tus(node, 'POST', '/files', { headers });
    expect(answer).toMatchObject({ status: 201 });
    expect(offsetOf(answer)).toBe(0);
  },
);
