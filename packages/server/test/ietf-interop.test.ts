/** The versions of the IETF draft that clients speak, from the one of iOS 17 (3) to the latest (8): each sees its own names and statuses. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { speaksDraft } from '../src/dialects/ietf/interop.ts';
import { collection, draft, expectRefusal, head, offsetOf } from './ietf-exchange.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const bytes = someBytes(100_000);
const half = bytes.subarray(0, 40_000);
const rest = bytes.subarray(40_000);

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(() => node.close());

/** What the table in docs/ietf.md says. */
const versions = [
  { version: 3, incomplete: true, typed: false, limit: null, progress: false, appended: 201 },
  { version: 4, incomplete: false, typed: false, limit: null, progress: false, appended: 201 },
  { version: 5, incomplete: false, typed: false, limit: null, progress: true, appended: 201 },
  { version: 6, incomplete: false, typed: true, limit: 'expires', progress: true, appended: 201 },
  { version: 7, incomplete: false, typed: true, limit: 'max-age', progress: true, appended: 204 },
  { version: 8, incomplete: false, typed: true, limit: 'max-age', progress: true, appended: 204 },
  { version: null, incomplete: false, typed: true, limit: 'max-age', progress: false, appended: 204 },
  { version: 9, incomplete: false, typed: true, limit: 'max-age', progress: false, appended: 204 },
] as const;

describe.each(versions)('interop version $version', ({ version, incomplete, typed, limit, progress, appended }) => {
  const echoed = version === null || version > 8 ? null : String(version);
  const flag = (complete: boolean) =>
    incomplete ? `Upload-Incomplete: ${complete ? '?0' : '?1'}` : `Upload-Complete: ${complete ? '?1' : '?0'}`;
  const said = ({ headers }: { headers: Headers }) => {
    const value = headers.get(incomplete ? 'upload-incomplete' : 'upload-complete');
    return value === null ? null : (value === '?1') !== incomplete;
  };
  const other = incomplete ? 'upload-complete' : 'upload-incomplete';
  const typeHeader = typed ? ['Content-Type: application/partial-upload'] : [];
  const limitNames = (headers: Headers) => headers.get('upload-limit')?.match(/[a-z-]+(?==)/g) ?? null;

  test('create with a part, lose the connection, ask, append, complete', async () => {
    const creation = await draft(node, {
      method: 'POST',
      path: collection,
      headers: [flag(false)],
      body: half,
      version,
    });
    expect([creation.status, said(creation), offsetOf(creation)]).toEqual([201, false, half.length]);
    expect(creation.headers.get('upload-draft-interop-version')).toBe(echoed);
    expect(creation.headers.get(other)).toBeNull();
    expect(limitNames(creation.headers)).toEqual(limit === null ? null : ['max-size', limit]);
    const interim = creation.interim.map((one) => [
      one.status,
      one.headers.get('upload-draft-interop-version'),
      one.headers.get('location') !== null,
      one.headers.get('upload-offset'),
    ]);
    const announced = echoed === null ? [] : [[104, echoed, true, null]];
    expect(interim).toEqual([...announced, ...(progress ? [[104, echoed, false, String(half.length)]] : [])]);

    const path = creation.headers.get('location') ?? '';
    const found = await head(node, path, { 'upload-draft-interop-version': String(version ?? '') });
    expect([found.status, said(found), offsetOf(found)]).toEqual([204, false, half.length]);

    const middle = [`Upload-Offset: ${half.length}`, ...typeHeader];
    const one = { method: 'PATCH', path, version };
    const more = await draft(node, { ...one, headers: [...middle, flag(false)], body: rest.subarray(0, 10_000) });
    expect([more.status, said(more), offsetOf(more)]).toEqual([appended, false, 50_000]);

    const wrong = await draft(node, { ...one, headers: [...middle, flag(true)], body: rest });
    expectRefusal(wrong, 409, 'offset-mismatch', 'mismatching-upload-offset');
    expect([said(wrong), offsetOf(wrong)]).toEqual([false, 50_000]);

    const end = ['Upload-Offset: 50000', ...typeHeader, flag(true)];
    const last = await draft(node, { ...one, headers: end, body: bytes.subarray(50_000) });
    expect(last).toMatchObject({ status: 200, body: { sha256: sha256(bytes) } });
    expect([said(last), offsetOf(last)]).toEqual([true, bytes.length]);
    const ended = await head(node, path, { 'upload-draft-interop-version': String(version ?? '') });
    expect(said(ended)).toBe(true);
  });

  test(`appends ${typed ? 'have to be' : 'need not be'} application/partial-upload`, async () => {
    const creation = await draft(node, {
      method: 'POST',
      path: collection,
      headers: [flag(false)],
      body: half,
      version,
    });
    const path = creation.headers.get('location') ?? '';
    const headers = [`Upload-Offset: ${half.length}`, flag(false), 'Content-Type: video/mp4'];
    const answer = await draft(node, { method: 'PATCH', path, headers, body: rest, version });
    expect(answer.status).toBe(typed ? 415 : appended);
  });
});

test('requests are recognised where the address is shared', () => {
  expect(speaksDraft({ 'upload-draft-interop-version': '6' })).toBe(true);
  expect(speaksDraft({ 'upload-complete': '?0' })).toBe(true);
  expect(speaksDraft({ 'upload-incomplete': '?0' })).toBe(true);
  expect(speaksDraft({ 'content-type': 'Application/Partial-Upload; x=1' })).toBe(true);
  expect(speaksDraft({ 'tus-resumable': '1.0.0', 'upload-offset': '0', 'upload-length': '1' })).toBe(false);
});

test('at the address of tus, requests that name the draft are handed on, and Location says where to', async () => {
  const created = await node.fetch('/files', { method: 'POST', headers: { 'upload-complete': '?0' }, body: 'abc' });
  expect(created.status).toBe(201);
  const path = created.headers.get('location') ?? '';
  expect(path).toMatch(/^\/ietf-files\//);
  const headers = { 'upload-complete': '?1', 'upload-offset': '3', 'content-type': 'application/partial-upload' };
  const appended = await node.fetch(path.replace('/ietf-files', '/files'), { method: 'PATCH', headers, body: 'de' });
  expect(await appended.json()).toMatchObject({ size: 5 });
  const tus = { 'tus-resumable': '1.0.0', 'upload-length': '1', 'upload-complete': '?0' };
  const other = await node.fetch('/files', { method: 'POST', headers: tus });
  expect(other.headers.get('location')).toMatch(/^\/files\//);
  expect((await node.fetch('/filesystem', { method: 'POST', headers: { 'upload-complete': '?1' } })).status).toBe(404);
});
