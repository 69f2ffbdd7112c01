/** RFC 9530 digests with the IETF draft; tests are named by what the draft says ("Integrity Digests"). */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { append, collection, created, draft, expectRefusal, head, idOf, offsetOf } from './ietf-exchange.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const bytes = someBytes(100_000);
const half = bytes.subarray(0, 40_000);
const rest = bytes.subarray(40_000);

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(() => node.close());

const base64 = (algorithm: string, of: Uint8Array) => createHash(algorithm).update(of).digest('base64');
const sha = (of: Uint8Array) => `sha-256=:${base64('sha256', of)}:`;

describe('Content-Digest', () => {
  test.each([
    ['sha-256', sha(half)],
    ['sha-512', `sha-512=:${base64('sha512', half)}:`],
    ['sha', `sha=:${base64('sha1', half)}:`],
    ['md5', `md5=:${base64('md5', half)}:`],
    ['the strongest of several', `md5=:${base64('md5', rest)}:, sha-512=:${base64('sha512', half)}:`],
    ['an algorithm that nobody knows', 'id-sha-1024=:AAAA:'],
    ['a checksum that cannot be checked', `unixsum=5`],
  ])('that matches is taken: %s', async (_what, digest) => {
    const path = await created(node);
    const answer = await append(node, path, {
      offset: 0,
      complete: false,
      body: half,
      headers: [`Content-Digest: ${digest}`],
    });
    expect([answer.status, offsetOf(answer)]).toEqual([204, half.length]);
  });

  test.each([false, true])('that does not match: the content is not appended (chunked: %s)', async (chunked) => {
    const path = await created(node, [], half);
    const headers = [`Content-Digest: ${sha(half)}`];
    const answer = await append(node, path, { offset: half.length, complete: true, body: rest, chunked, headers });
    expectRefusal(answer, 422, 'digest-mismatch');
    expect(answer.headers.get('upload-complete')).toBe('?0');
    expect(offsetOf(await head(node, path))).toBe(half.length);
    expect((await append(node, path, { offset: half.length, complete: true, body: rest })).body).toMatchObject({
      sha256: sha256(bytes),
    });
  });

  test('at creation: the upload stays, without the content', async () => {
    const headers = ['Upload-Complete: ?0', `Content-Digest: ${sha(rest)}`];
    const answer = await draft(node, { method: 'POST', path: collection, headers, body: half });
    expectRefusal(answer, 422, 'digest-mismatch');
    expect(offsetOf(await head(node, answer.headers.get('location') ?? ''))).toBe(0);
  });

  test.each(['sha-256', 'sha-256=:AAAA:', 'sha-256="x"', 'sha-256=:!:', '=', `SHA-256=:${base64('sha256', half)}:`])(
    'that is not well-formed (%s) is refused, not passed over',
    async (digest) => {
      const path = await created(node);
      const headers = [`Content-Digest: ${digest}`];
      expectRefusal(
        await append(node, path, { offset: 0, complete: false, body: half, headers }),
        400,
        'invalid-digest',
      );
      const creation = { method: 'POST', path: collection, headers: ['Upload-Complete: ?0', ...headers], body: half };
      const refused = await draft(node, creation);
      expectRefusal(refused, 400, 'invalid-digest');
      expect(refused.headers.get('location')).toBeNull();
    },
  );
});

describe('Repr-Digest', () => {
  test('of a creation that matches the whole is fine', async () => {
    const path = await created(node, [`Repr-Digest: ${sha(bytes)}`], half);
    expect(await append(node, path, { offset: half.length, complete: true, body: rest })).toMatchObject({
      status: 200,
    });
  });

  test('that does not match: the upload fails, the client is told by the target, again if it asks again', async () => {
    const path = await created(node, [`Repr-Digest: ${sha(half)}`], half);
    const answer = await append(node, path, { offset: half.length, complete: true, body: rest });
    expectRefusal(answer, 422, 'digest-mismatch');
    expect(answer.headers.get('upload-complete')).toBe('?1');
    expect((await node.status(idOf(path))).state).toBe('failed');
    const found = await head(node, path);
    expect([found.status, found.headers.get('upload-complete')]).toEqual([204, '?1']);
    const again = await append(node, path, { offset: bytes.length, complete: true });
    expectRefusal(again, 422, 'digest-mismatch');
    expect(again.headers.get('upload-complete')).toBe('?1');
    expectRefusal(
      await append(node, path, { offset: bytes.length, complete: false, body: half }),
      410,
      'upload-closed',
    );
  });
});

describe('Want-Repr-Digest', () => {
  const want = 'Want-Repr-Digest: sha-512=3, sha-256=10';

  test('at creation: the final response and HEAD SHOULD include Repr-Digest', async () => {
    const path = await created(node, [want], half);
    expect((await head(node, path)).headers.get('repr-digest')).toBeNull();
    const last = await append(node, path, { offset: half.length, complete: true, body: rest });
    expect(last.headers.get('repr-digest')).toBe(sha(bytes));
    expect((await head(node, path)).headers.get('repr-digest')).toBe(sha(bytes));
  });

  test('in one request: so does its answer', async () => {
    const answer = await draft(node, {
      method: 'POST',
      path: collection,
      headers: ['Upload-Complete: ?1', want],
      body: bytes,
    });
    expect(answer.headers.get('repr-digest')).toBe(sha(bytes));
    const path = answer.headers.get('location') ?? '';
    expect((await head(node, path, { 'want-repr-digest': 'sha-256=1' })).headers.get('repr-digest')).toBe(sha(bytes));
  });

  test.each(['sha-256=0', 'sha-512=1', 'sha-256', '()', ''])(
    'without a wish for SHA-256 (%j) there is none',
    async (value) => {
      const headers = ['Upload-Complete: ?1', `Want-Repr-Digest: ${value}`];
      const answer = await draft(node, { method: 'POST', path: collection, headers, body: bytes });
      expect([answer.status, answer.headers.get('repr-digest')]).toEqual([200, null]);
    },
  );
});
