/** An upload by the IETF draft after its creation; tests are named by what the draft says ("Offset Retrieval", "Upload Append", "Upload Cancellation"). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  append,
  begin,
  collection,
  created,
  draft,
  expectRefusal,
  finalAnswer,
  head,
  idOf,
  limitsOf,
  offsetOf,
  open,
} from './ietf-exchange.ts';
import { KiB, RunningNode, sha256, someBytes } from './running-node.ts';

const bytes = someBytes(300_000);
const half = bytes.subarray(0, 150_000);
const rest = bytes.subarray(150_000);

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(() => node.close());

describe('a successful response to HEAD or GET', () => {
  test.each(['HEAD', 'GET'] as const)(
    '%s MUST include Upload-Offset, Upload-Complete, Upload-Length, Upload-Limit, and SHOULD not be cached',
    async (method) => {
      const path = await created(node, [`Upload-Length: ${bytes.length}`], half);
      const { status, headers, text } = await head(node, path, {}, method);
      expect({ status, text }).toEqual({ status: 204, text: '' });
      expect(headers.get('upload-offset')).toBe(String(half.length));
      expect(headers.get('upload-complete')).toBe('?0');
      expect(headers.get('upload-length')).toBe(String(bytes.length));
      expect(limitsOf({ headers })).toMatchObject({ 'max-age': expect.any(Number), 'max-size': expect.any(Number) });
      expect(headers.get('cache-control')).toBe('no-store');
    },
  );

  test('MUST include the length unless the client has not supplied one', async () => {
    const path = await created(node, [], half);
    expect((await head(node, path)).headers.get('upload-length')).toBeNull();
    await append(node, path, { offset: half.length, complete: false, headers: [`Upload-Length: ${bytes.length}`] });
    expect((await head(node, path)).headers.get('upload-length')).toBe(String(bytes.length));
  });

  test('of an upload that does not exist, or is not one of the draft, there is none', async () => {
    expect((await head(node, `${collection}/nothing`)).status).toBe(404);
    const other = await node.create({ size: 1 });
    expect((await head(node, `${collection}/${other.id}`)).status).toBe(409);
  });
});

describe('an append', () => {
  test('with Upload-Complete: ?0 is acknowledged by 2xx with Upload-Complete: ?0, the last one answered by the target', async () => {
    const path = await created(node);
    const first = await append(node, path, { offset: 0, complete: false, body: half });
    expect([first.status, first.headers.get('upload-complete'), offsetOf(first)]).toEqual([204, '?0', half.length]);
    // Interim responses of an append MUST NOT include Location.
    expect(first.interim.map((one) => [one.status, one.headers.get('location'), offsetOf(one)])).toEqual([
      [104, null, half.length],
    ]);
    const last = await append(node, path, { offset: half.length, complete: true, body: rest });
    expect(last).toMatchObject({ status: 200, body: { state: 'completed', sha256: sha256(bytes) } });
    expect([last.headers.get('upload-complete'), offsetOf(last)]).toEqual(['?1', bytes.length]);
  });

  test('the offset could match the length, but the upload can still be incomplete', async () => {
    const path = await created(node, [`Upload-Length: ${bytes.length}`], bytes);
    const { headers } = await head(node, path);
    expect([headers.get('upload-offset'), headers.get('upload-complete')]).toEqual([String(bytes.length), '?0']);
    expect(await append(node, path, { offset: bytes.length, complete: true })).toMatchObject({
      status: 200,
      body: { sha256: sha256(bytes) },
    });
  });

  test('at another offset MUST be rejected with 409, Upload-Complete: ?0 and the correct Upload-Offset', async () => {
    const path = await created(node, [], half);
    for (const offset of [0, half.length - 1, half.length + 1, 2 ** 49]) {
      const answer = await append(node, path, { offset, complete: false, body: rest });
      expectRefusal(answer, 409, 'offset-mismatch', 'mismatching-upload-offset');
      expect(answer.body).toMatchObject({ 'expected-offset': half.length, 'provided-offset': offset });
      expect([offsetOf(answer), answer.headers.get('upload-complete')]).toEqual([half.length, '?0']);
    }
    expect(offsetOf(await head(node, path))).toBe(half.length);
  });

  test('without application/partial-upload is 415 and says what is taken', async () => {
    const path = await created(node);
    for (const type of [
      [],
      ['Content-Type: application/octet-stream'],
      ['Content-Type: application/offset+octet-stream'],
    ]) {
      const headers = ['Upload-Offset: 0', 'Upload-Complete: ?0', ...type];
      const answer = await draft(node, { method: 'PATCH', path, headers, body: half });
      expectRefusal(answer, 415, 'unsupported-type');
      expect(answer.headers.get('accept-patch')).toBe('application/partial-upload');
    }
    expect(offsetOf(await head(node, path))).toBe(0);
  });

  test.each([
    ['Upload-Offset is missing', ['Upload-Complete: ?0']],
    ['Upload-Offset is of another type', ['Upload-Complete: ?0', 'Upload-Offset: "0"']],
    ['Upload-Offset is negative', ['Upload-Complete: ?0', 'Upload-Offset: -1']],
    ['Upload-Offset is there twice', ['Upload-Complete: ?0', 'Upload-Offset: 0', 'Upload-Offset: 0']],
    ['Upload-Complete is missing', ['Upload-Offset: 0']],
    ['Upload-Complete is of another type', ['Upload-Offset: 0', 'Upload-Complete: 1']],
  ])('is refused when %s', async (_what, headers) => {
    const path = await created(node);
    const typed = ['Content-Type: application/partial-upload', ...headers];
    expectRefusal(await draft(node, { method: 'PATCH', path, headers: typed, body: half }), 400, 'invalid-request');
    expect(offsetOf(await head(node, path))).toBe(0);
  });

  test('may be empty, and changes nothing', async () => {
    const path = await created(node, [], half);
    const answer = await append(node, path, { offset: half.length, complete: false });
    expect([answer.status, offsetOf(answer)]).toEqual([204, half.length]);
  });

  test('that breaks off keeps as much as arrived, and the upload MUST NOT be considered complete', async () => {
    const path = await created(node, [], half);
    const connection = await open(node);
    const headers = [
      'Content-Type: application/partial-upload',
      `Upload-Offset: ${half.length}`,
      'Upload-Complete: ?1',
    ];
    begin(connection, { method: 'PATCH', path, headers, body: rest });
    connection.send(rest.subarray(0, 100_000));
    connection.finish();
    await expect.poll(async () => (await node.status(idOf(path))).receivedBytes).toBe(250_000);
    const { headers: found } = await head(node, path);
    expect([found.get('upload-offset'), found.get('upload-complete')]).toEqual(['250000', '?0']);
    const last = await append(node, path, { offset: 250_000, complete: true, body: bytes.subarray(250_000) });
    expect(last).toMatchObject({ status: 200, body: { sha256: sha256(bytes) } });
  });
});

describe('the length', () => {
  test.each([
    ['Upload-Length', { headers: ['Upload-Length: 300001'], complete: false, body: rest }],
    ['Content-Length of the last request', { complete: true, body: rest.subarray(1) }],
    ['two indicators in one request', { headers: ['Upload-Length: 300000'], complete: true, body: rest.subarray(1) }],
  ])('MUST be the same in all requests: %s', async (_what, wish) => {
    const path = await created(node, [`Upload-Length: ${bytes.length}`], half);
    const answer = await append(node, path, { offset: half.length, ...wish });
    expectRefusal(answer, 400, 'length-conflict', 'inconsistent-upload-length');
    expect(answer.headers.get('upload-complete')).toBe('?0');
    expect(offsetOf(await head(node, path))).toBe(half.length);
  });

  test('a body that ends before the length does not complete the upload', async () => {
    const path = await created(node, [`Upload-Length: ${bytes.length}`], half);
    const answer = await append(node, path, {
      offset: half.length,
      complete: true,
      body: rest.subarray(1),
      chunked: true,
    });
    expectRefusal(answer, 400, 'length-conflict', 'inconsistent-upload-length');
    expect((await head(node, path)).headers.get('upload-complete')).toBe('?0');
  });

  test.each([true, false])(
    'once the offset would exceed it, the server MUST reject this request and any further interaction (chunked: %s)',
    async (chunked) => {
      const path = await created(node, ['Upload-Length: 200000'], half);
      const answer = await append(node, path, { offset: half.length, complete: false, body: rest, chunked });
      expectRefusal(answer, 400, 'body-too-long', 'inconsistent-upload-length');
      expect((await head(node, path)).status).toBe(410);
      expectRefusal(await append(node, path, { offset: half.length, complete: false }), 410, 'upload-closed');
    },
  );
});

describe('a completed upload', () => {
  async function completed(): Promise<string> {
    const path = await created(node, [], half);
    await append(node, path, { offset: half.length, complete: true, body: rest });
    return path;
  }

  test('says so', async () => {
    const { headers } = await head(node, await completed());
    expect([headers.get('upload-complete'), headers.get('upload-offset')]).toEqual(['?1', String(bytes.length)]);
  });

  test('gives its final response again to a valid append', async () => {
    const path = await completed();
    for (let i = 0; i < 2; i += 1) {
      const again = await append(node, path, { offset: bytes.length, complete: true });
      expect(again).toMatchObject({ status: 200, body: { sha256: sha256(bytes) } });
      expect(again.headers.get('upload-complete')).toBe('?1');
    }
  });

  test.each([
    ['more content', { offset: 300_000, complete: true, body: half }],
    ['the last part again', { offset: 150_000, complete: true, body: rest }],
    ['an earlier offset', { offset: 0, complete: false, body: half }],
  ])('takes nothing more: %s', async (_what, wish) => {
    const answer = await append(node, await completed(), wish);
    expectRefusal(answer, 409, 'upload-closed', 'completed-upload');
    expect([offsetOf(answer), answer.headers.get('upload-complete')]).toEqual([bytes.length, '?0']);
  });

  test('cannot be cancelled any more', async () => {
    const path = await completed();
    expectRefusal(await draft(node, { method: 'DELETE', path }), 409, 'upload-closed', 'completed-upload');
    expect((await head(node, path)).status).toBe(204);
  });
});

describe('a cancelled upload', () => {
  test('is deactivated, its bytes are gone', async () => {
    const path = await created(node, [], half);
    expect(await node.incoming()).toContain(idOf(path));
    const answer = await draft(node, { method: 'DELETE', path });
    expect([answer.status, answer.headers.get('upload-complete')]).toEqual([204, null]);
    expect(await node.incoming()).not.toContain(idOf(path));
    expect((await head(node, path)).status).toBe(410);
    expectRefusal(await append(node, path, { offset: half.length, complete: true, body: rest }), 410, 'upload-closed');
    // The client may not have seen the answer.
    expect((await draft(node, { method: 'DELETE', path })).status).toBe(204);
  });
});

describe('a paused upload', () => {
  test('tells its offset, and asks to try again later', async () => {
    const path = await created(node, [], half);
    await node.json('POST', `/v1/uploads/${idOf(path)}/pause`);
    expect(offsetOf(await head(node, path))).toBe(half.length);
    const refused = await append(node, path, { offset: half.length, complete: true, body: rest });
    expectRefusal(refused, 503, 'upload-paused');
    expect(refused.headers.get('retry-after')).toBe('30');
    await node.json('POST', `/v1/uploads/${idOf(path)}/resume`);
    expect((await append(node, path, { offset: half.length, complete: true, body: rest })).status).toBe(200);
  });
});

describe('a newer request ends the one that is still sending', () => {
  const MiB = 1024 * KiB;
  const film = someBytes(3 * MiB);

  /** A request that has sent a part of its body and holds the upload. */
  async function stuck(path: string) {
    const connection = await open(node);
    const headers = ['Content-Type: application/partial-upload', 'Upload-Offset: 0', 'Upload-Complete: ?1'];
    begin(connection, { method: 'PATCH', path, headers, body: film });
    connection.send(film.subarray(0, 1.5 * MiB));
    // Written, but not recorded: that happens when the request ends, or after seconds.
    await expect.poll(() => node.storedBytes(idOf(path))).toBeGreaterThanOrEqual(MiB);
    expect((await node.status(idOf(path))).receivedBytes).toBe(0);
    return connection;
  }

  test.each(['HEAD', 'GET'] as const)('%s: the offset in the answer MUST be accepted afterwards', async (method) => {
    const path = await created(node);
    const old = await stuck(path);
    const offset = offsetOf(await head(node, path, {}, method));
    expect(offset).toBeGreaterThanOrEqual(MiB);
    expectRefusal(await finalAnswer(old), 409, 'upload-taken-over');
    const last = await append(node, path, { offset, complete: true, body: film.subarray(offset) });
    expect(last).toMatchObject({ status: 200, body: { sha256: sha256(film) } });
    old.destroy();
  });

  test('PATCH', async () => {
    const path = await created(node);
    const old = await stuck(path);
    // It cannot know the offset, but from here on nothing moves under it.
    const answer = await append(node, path, { offset: 0, complete: true, body: film });
    expectRefusal(answer, 409, 'offset-mismatch', 'mismatching-upload-offset');
    const ended = await finalAnswer(old);
    expectRefusal(ended, 409, 'upload-taken-over');
    const offset = offsetOf(answer);
    expect([offsetOf(ended), offset >= MiB]).toEqual([offset, true]);
    const last = await append(node, path, { offset, complete: true, body: film.subarray(offset) });
    expect(last).toMatchObject({ status: 200, body: { sha256: sha256(film) } });
    old.destroy();
  });

  test('DELETE', async () => {
    const path = await created(node);
    const old = await stuck(path);
    expect((await draft(node, { method: 'DELETE', path })).status).toBe(204);
    expect((await finalAnswer(old)).status).toBeGreaterThanOrEqual(400);
    expect((await head(node, path)).status).toBe(410);
    expect(await node.incoming()).not.toContain(idOf(path));
    old.destroy();
  });
});
