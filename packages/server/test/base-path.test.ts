/** The server under a path of its host: every address works, and every address that it names. */
import { createHash } from 'node:crypto';
import type { Artifact, Asset, AssetList, Problem, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { EventReader } from './event-reader.ts';
import { expectProblem, RunningNode, someBytes } from './running-node.ts';
import { WebhookReceiver } from './webhook-receiver.ts';

const basePath = '/media/holdfast';
const key = 'a-key-of-enough-length';
const apiKeys = [{ principal: 'ana', sha256: createHash('sha256').update(key).digest('hex') }];
let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { basePath, apiKeys }, apiKey: key });
});
afterAll(async () => {
  await node.close();
});

describe.each([
  ['with the prefix', basePath],
  ['after a proxy has taken it off', ''],
])('%s', (_name, prefix) => {
  test('an upload goes all the way, by the addresses that the answers name', async () => {
    const bytes = someBytes(1000);
    const wish = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const metadata = { url: '/v1/mine', contentUrl: '/v1/mine' };
    const made = await node.fetch(`${prefix}/v1/uploads`, {
      ...wish,
      body: JSON.stringify({ filename: 'a', size: 1000, metadata }),
    });
    const location = made.headers.get('location') ?? '';
    expect(location).toMatch(/^\/media\/holdfast\/v1\/uploads\/[0-9a-f-]+$/);
    expect(((await made.json()) as Upload).metadata).toEqual(metadata);
    const put = await node.fetch(`${location}/chunks/0`, { method: 'PUT', body: new Uint8Array(bytes) });
    expect(put.status).toBe(200);
    const done = (await (await node.fetch(`${location}/complete`, { method: 'POST' })).json()) as Upload;
    expect(done.contentUrl).toBe(`${basePath}/v1/assets/${done.assetId}/content`);
    const content = await node.fetch(done.contentUrl ?? '');
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true);
    const assets = (await (await node.fetch(`${prefix}/v1/assets`)).json()) as AssetList;
    expect(assets.items.map((asset: Asset) => asset.contentUrl)).toContain(done.contentUrl);
    const artifacts = await node.fetch(`${prefix}/v1/assets/${done.assetId}/artifacts`);
    expect(((await artifacts.json()) as { items: Artifact[] }).items).toEqual([]);
    const reader = await EventReader.open(`${node.url}${location}/events`, undefined, {
      authorization: `Bearer ${key}`,
    });
    await reader.until((events) => events.some((event) => event.type === 'completed'));
    reader.close();
  });

  test('a recording goes all the way, too', async () => {
    const bytes = someBytes(1000);
    const send = async (path: string, body: object | FormData) => {
      const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const answer = await node.fetch(path, { method: 'POST', ...(body instanceof FormData ? { body } : json) });
      expect([path, answer.status]).toEqual([path, 200]);
      return (await answer.json()) as Record<string, string> & { upload_urls: Record<string, string> };
    };
    const recordings = `${prefix}/api/v1/recordings`;
    const metadata = { asignatura: 'a', tema: '/v1/mine', profesor_text: '' };
    const made = await send(`${recordings}/`, { ...metadata, filename: 'a.webm', file_size_total: bytes.length });
    const { chunk_upload_url: to = '', complete_url: end = '', ...others } = made.upload_urls;
    for (const url of [to, end, ...Object.values(others)])
      expect(url).toMatch(/^\/media\/holdfast\/api\/v1\/recordings\//);
    expect(await send(others['recovery_url'] ?? '', {})).toMatchObject({ chunk_upload_url: to, complete_url: end });
    const form = new FormData();
    const id = made['recording_id'] ?? '';
    for (const [name, value] of Object.entries({ upload_session_id: id, chunk_number: '1' })) form.append(name, value);
    form.append('file', new Blob([new Uint8Array(bytes)]), 'chunk');
    await send(to, form);
    const { final_file_url: content = '' } = await send(end, { upload_session_id: id });
    expect(content).toMatch(/^\/media\/holdfast\/v1\/assets\/[0-9a-f]{64}\/content$/);
    expect(Buffer.from(await (await node.fetch(content)).arrayBuffer()).equals(bytes)).toBe(true);
    const listed = await (await node.fetch(`${recordings}/`)).json();
    const shown = { tema: '/v1/mine', final_file_url: content };
    expect(listed).toMatchObject({ recordings: expect.arrayContaining([expect.objectContaining(shown)]) });
  });

  test('health, metrics, the API document and other dialects are there', async () => {
    for (const path of ['/health', '/health/live?x=1', '/metrics', '/openapi.json', '/api/chunked-upload/sessions'])
      expect([path, (await node.fetch(prefix + path)).status]).toEqual([path, 200]);
    const { servers } = (await (await node.fetch(`${prefix}/openapi.json`)).json()) as { servers: { url: string }[] };
    expect(servers).toEqual([{ url: `${basePath}/` }]);
  });

  it.each(['/', '/activity', `/assets/${'ab'.repeat(32)}`, '/index.html', '?x=1'])(
    'the page is at %s',
    async (path) => {
      const answer = await node.fetch(prefix + path, { headers: { accept: 'text/html' } });
      const html = await answer.text();
      expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      expect(html).toContain(`<base href="${basePath}/"`);
      const files = [...html.matchAll(/(?:src|href)="([^"]+\.(?:js|css|svg))"/g)].map((match) => match[1] ?? '');
      expect(files.length).toBeGreaterThan(2);
      for (const file of files) {
        expect(file).not.toMatch(/^\//);
        const asset = await fetch(new URL(file, `${node.url}${basePath}/`));
        expect([file, asset.status]).toEqual([file, 200]);
        expect(asset.headers.get('content-type')).not.toMatch(/html/);
      }
    },
  );

  test('the cookie of a session is sent there and nowhere else', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const answer = await node.fetch(`${prefix}/v1/session`, { ...init, body: JSON.stringify({ apiKey: key }) });
    expect(answer.headers.get('set-cookie')).toMatch(/; Path=\/media\/holdfast\/;/);
  });
});

test('webhooks name the content below it', async () => {
  await using receiver = await WebhookReceiver.start();
  const webhooks = [receiver.entry({ events: ['upload.completed'] })];
  await using hooked = await RunningNode.start({ config: { basePath, webhooks } });
  const { contentUrl } = await hooked.upload(someBytes(10));
  const [{ message } = expect.fail()] = await receiver.until('upload.completed');
  expect(message.upload?.contentUrl).toBe(contentUrl);
});

test('what only begins like the prefix is not below it', async () => {
  for (const path of ['/media/holdfaster/v1/uploads', '/media/v1/uploads', `${basePath}${basePath}/v1/uploads`]) {
    const answer = await node.json<Problem>('GET', path);
    expectProblem(answer, 404, 'route-not-found');
  }
});

it.each(['holdfast', '/holdfast/', '/', '/a//b', '/a?b', '/a b', '/"><script>'])(
  '%j is no base path',
  async (wrong) => {
    await expect(RunningNode.start({ config: { basePath: wrong } })).rejects.toMatchObject({ code: 'invalid-request' });
  },
);
