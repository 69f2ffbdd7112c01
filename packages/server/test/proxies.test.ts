/** Behind proxies: what goes through a well-configured one, and what `doctor --url` says of others. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { Diagnosis } from '../src/cli/diagnoses.ts';
import { checkProxy } from '../src/cli/proxy-diagnoses.ts';
import { runCommand } from './command-line.ts';
import { EventReader } from './event-reader.ts';
import { type Badness, badProxy, nginx } from './proxies.ts';
import { RunningNode, someBytes } from './running-node.ts';

const MiB = 1024 * 1024;
const key = 'a-key-of-enough-length';
const authorization = `Bearer ${key}`;
const apiKeys = [{ principal: 'ana', sha256: createHash('sha256').update(key).digest('hex') }];
const signal = new AbortController().signal;

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { apiKeys, trustedProxies: ['127.0.0.1'] }, apiKey: key });
});
afterAll(async () => {
  await node.close();
});

/** The configuration in the documents, in front of the node. */
async function documented(target: string, location = '/'): Promise<string> {
  const text = await readFile(new URL('../../../docs/proxies.md', import.meta.url), 'utf8');
  const server = /```nginx\n(server \{[\s\S]+?)```/.exec(text)?.[1] ?? '';
  expect(server).toContain('proxy_pass http://127.0.0.1:8080;');
  return server.replace('http://127.0.0.1:8080', target).replace('location /', `location ${location}`);
}

const verdicts = (diagnoses: readonly Diagnosis[]) =>
  Object.fromEntries(diagnoses.map(({ subject, verdict }) => [subject, verdict]));
const allGood = {
  'scheme and host': 'good',
  'client address': 'good',
  headers: 'good',
  methods: 'good',
  'request bodies': 'good',
  'event streams': 'good',
};

describe('nginx as in the documents', () => {
  test('is found good', async () => {
    await using proxy = await nginx(await documented(node.url));
    const diagnoses = await checkProxy(proxy.url, signal);
    expect(verdicts(diagnoses)).toEqual(allGood);
  });

  test('hands on files, digests, ranges, events, and refusals of bodies that it is still sending', async () => {
    await using proxy = await nginx(await documented(node.url));
    const bytes = someBytes(9 * MiB);
    const json = { authorization, 'content-type': 'application/json', origin: proxy.url };
    const made = await fetch(`${proxy.url}/v1/uploads`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ filename: 'a', size: bytes.length, chunkSize: 9 * MiB }),
    });
    expect(made.status).toBe(201);
    const location = made.headers.get('location') ?? '';
    expect(location).toMatch(/^\/v1\/uploads\//);
    const digest = createHash('sha256').update(bytes).digest('base64');
    const put = await fetch(`${proxy.url}${location}/chunks/0`, {
      method: 'PUT',
      headers: { authorization, 'content-digest': `sha-256=:${digest}:` },
      body: new Uint8Array(bytes),
    });
    expect(put.status).toBe(200);
    const done = await fetch(`${proxy.url}${location}/complete`, { method: 'POST', headers: { authorization } });
    const { contentUrl } = (await done.json()) as Upload;
    const part = await fetch(`${proxy.url}${contentUrl}`, { headers: { authorization, range: 'bytes=100-199' } });
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(100, 200))).toBe(true);
    const reader = await EventReader.open(`${proxy.url}${location}/events`, 1, { authorization });
    const events = await reader.until((seen) => seen.some((event) => event.type === 'completed'));
    expect(events[0]?.id).toBe(2);
    reader.close();
    for (let i = 0; i < 5; i += 1) {
      const body = new Uint8Array(30 * MiB);
      const refused = await fetch(`${proxy.url}${location}/chunks/0`, { method: 'PUT', body });
      expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([401, 'unauthenticated']);
    }
  });

  it.each([
    ['leaves the prefix', ''],
    ['takes the prefix off', '/'],
  ])('under a path, when it %s', async (_name, rest) => {
    const config = { apiKeys, trustedProxies: ['127.0.0.1'], basePath: '/holdfast' };
    await using own = await RunningNode.start({ config });
    await using proxy = await nginx(await documented(own.url + rest, '/holdfast/'));
    expect(verdicts(await checkProxy(`${proxy.url}/holdfast`, signal))).toEqual(allGood);
    const page = await fetch(`${proxy.url}/holdfast/`, { headers: { accept: 'text/html' } });
    expect(await page.text()).toContain('<base href="/holdfast/"');
  });
});

describe('nginx as it comes', () => {
  const bare = (extra: string) => `server { listen 80; location / { ${extra} proxy_pass ${node.url}; } }`;

  test('refuses bodies above 1 MiB and hides the name', async () => {
    await using proxy = await nginx(bare(''));
    const diagnoses = await checkProxy(proxy.url, signal);
    expect(verdicts(diagnoses)).toMatchObject({ 'request bodies': 'bad', 'scheme and host': 'bad' });
    const advice = diagnoses.map((diagnosis) => diagnosis.advice ?? '').join('\n');
    for (const word of ['client_max_body_size 0', 'proxy_set_header Host', 'trustedProxies'])
      expect(advice).toContain(word);
  });

  test('keeps bodies until they are whole', async () => {
    await using proxy = await nginx(bare('client_max_body_size 0; proxy_set_header Host $http_host;'));
    const diagnoses = await checkProxy(proxy.url, signal);
    expect(verdicts(diagnoses)).toEqual({ ...allGood, 'request bodies': 'bad' });
    expect(diagnoses.find(({ subject }) => subject === 'request bodies')?.advice).toContain(
      'proxy_request_buffering off',
    );
  });
});

describe('a proxy that', () => {
  it.each<[name: string, bad: Badness, found: Record<string, string>, words: RegExp]>([
    ['does nothing wrong', {}, allGood, /all arrive/],
    ['keeps bodies', { keepsBodies: true }, { ...allGood, 'request bodies': 'bad' }, /until they are whole/],
    ['cuts bodies', { bodyBytesMax: MiB }, { ...allGood, 'request bodies': 'bad' }, /413/],
    ['keeps answers', { keepsAnswers: true }, { ...allGood, 'event streams': 'warning' }, /flush_interval/],
    ['drops headers', { drops: ['range', 'upload-offset'] }, { ...allGood, headers: 'bad' }, /range .*upload-offset/],
    ['hides headers', { hides: ['repr-digest'] }, { ...allGood, headers: 'bad' }, /repr-digest \(answer\)/],
    [
      'changes headers',
      { adds: { 'last-event-id': '1' } },
      { ...allGood, headers: 'bad' },
      /last-event-id \(request\)/,
    ],
    ['moves Location', { location: 'http://inside:8080/v1' }, { ...allGood, headers: 'bad' }, /http:\/\/inside/],
    ['refuses PATCH', { refuses: ['DELETE'] }, { ...allGood, methods: 'bad' }, /DELETE do not arrive/],
    ['has another name', { host: 'inside:8080' }, { ...allGood, 'scheme and host': 'bad' }, /http:\/\/inside:8080/],
    [
      'says another scheme',
      { adds: { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' } },
      { ...allGood, 'scheme and host': 'bad' },
      /takes itself for https:/,
    ],
  ])('%s', async (_name, bad, found, words) => {
    await using proxy = await badProxy(node.url, bad);
    const diagnoses = await checkProxy(proxy.url, signal);
    expect(verdicts(diagnoses)).toEqual(found);
    expect(diagnoses.map((d) => `${d.found} ${d.advice ?? ''}`).join('\n')).toMatch(words);
    for (const diagnosis of diagnoses) expect(diagnosis.advice === undefined).toBe(diagnosis.verdict === 'good');
  });

  test('is not trusted: nothing that it says is believed', async () => {
    await using own = await RunningNode.start({ config: { apiKeys } });
    const made = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'made.example' };
    await using proxy = await badProxy(own.url, { adds: made });
    const diagnoses = await checkProxy(proxy.url, signal);
    expect(verdicts(diagnoses)).toEqual({ ...allGood, 'client address': 'warning' });
    expect(diagnoses[1]?.advice).toContain('trustedProxies: [127.0.0.1]');
  });

  test('is none of Holdfast, or is not there', async () => {
    await using proxy = await badProxy(node.url, { refuses: ['PATCH'] });
    expect((await checkProxy(proxy.url, signal))[0]).toMatchObject({ subject: 'proxy', verdict: 'bad' });
    expect((await checkProxy('http://127.0.0.1:1/x', signal))[0]?.found).toMatch(/does not answer/);
  });
});

test('doctor --url prints it and says by its exit code that something is in the way', async () => {
  const data = ['--data', node.dataDir];
  const good = await runCommand(['doctor', ...data, '--url', node.url]);
  expect(good.stdout).toMatch(/✓ request bodies +of 64 MiB are let through, and streamed/);
  await using proxy = await badProxy(node.url, { bodyBytesMax: MiB });
  const bad = await runCommand(['doctor', ...data, '--url', proxy.url, '--json']);
  expect(bad.exitCode).toBe(1);
  const { ok, diagnoses } = JSON.parse(bad.stdout) as { ok: boolean; diagnoses: Diagnosis[] };
  expect(ok).toBe(false);
  expect(verdicts(diagnoses)).toMatchObject({ 'request bodies': 'bad', headers: 'good' });
  const env = { HOLDFAST_PUBLIC_URL: proxy.url };
  expect((await runCommand(['doctor', ...data], { env })).stdout).toMatch(/✗ request bodies/);
  expect((await runCommand(['doctor', ...data, '--url', 'nonsense'])).exitCode).toBe(2);
});
