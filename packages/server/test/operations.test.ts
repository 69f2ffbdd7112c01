/** C8, C9: health, metrics, the API document, expiry and clean-up. */
import { chmod, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { chunkBytes, expectProblem, RunningNode, someBytes } from './running-node.ts';

interface Health {
  readonly status: string;
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly required: boolean;
    readonly detail: string;
  }[];
}

test('C8: health says how every dependency is, and readiness fails with the storage', async () => {
  await using node = await RunningNode.start();
  const well = await node.json<Health>('GET', '/health');
  expect(well).toMatchObject({
    status: 200,
    body: { status: expect.stringMatching(/ok|degraded/), version: expect.stringMatching(/^\d/) },
  });
  expect(well.body.checks.map((c) => c.name)).toEqual(expect.arrayContaining(['state', 'storage', 'pipeline']));
  expect(await node.json('GET', '/health/ready')).toMatchObject({ status: 200, body: { status: 'ok' } });

  const scratch = join(node.dataDir, 'scratch');
  await rename(scratch, `${scratch}-away`);
  await writeFile(scratch, 'in the way');
  const ready = await node.json<Health>('GET', '/health/ready');
  expect(ready).toMatchObject({ status: 503, body: { status: 'failing' } });
  const storage = ready.body.checks.find((c) => c.name === 'storage');
  expect(storage).toMatchObject({ status: 'failing', required: true });
  expect(storage?.detail.length).toBeGreaterThan(5);
  expect(await node.json('GET', '/health')).toMatchObject({ status: 200, body: { status: 'failing' } });
  expect((await node.json('GET', '/health/live')).status).toBe(200);
});

test('C8: a folder that takes no more files: a coded error that can be retried, nothing acknowledged is lost', async () => {
  await using node = await RunningNode.start();
  const bytes = someBytes(2 * chunkBytes);
  const upload = await node.create({ size: bytes.length });
  await node.put(upload.id, 0, bytes.subarray(0, chunkBytes));
  const other = await node.create({ size: 10 });
  const incoming = join(node.dataDir, 'incoming');
  await rename(incoming, `${incoming}-away`);
  const refused = await node.put(other.id, 0, someBytes(10));
  expect(refused.status).toBeGreaterThanOrEqual(500);
  expect(refused.body).toMatchObject({
    code: expect.stringMatching(/unavailable|storage-damaged|insufficient-storage/),
    requestId: expect.any(String),
  });
  await rename(`${incoming}-away`, incoming);
  expect((await node.put(other.id, 0, someBytes(10))).status).toBe(200);
  expect((await node.put(upload.id, 1, bytes.subarray(chunkBytes))).status).toBe(200);
  expect((await node.json('POST', `/v1/uploads/${upload.id}/complete`)).status).toBe(200);
  await chmod(incoming, 0o700);
});

test('C8: metrics tell what happened', async () => {
  await using node = await RunningNode.start();
  const bytes = someBytes(chunkBytes + 1);
  const first = await node.create({ size: bytes.length });
  await node.put(first.id, 0, bytes.subarray(0, chunkBytes));
  await node.put(first.id, 0, bytes.subarray(0, chunkBytes));
  await node.put(first.id, 1, bytes.subarray(chunkBytes));
  await node.json('POST', `/v1/uploads/${first.id}/complete`);
  const second = await node.create({ size: 5 });
  await node.json('DELETE', `/v1/uploads/${second.id}`);
  await node.create({ size: 5 });
  await node.json('GET', '/v1/uploads/nope');
  const response = await node.fetch('/metrics');
  expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
  const lines = (await response.text()).split('\n');
  for (const line of [
    'holdfast_uploads_created_total{protocol="native"} 3',
    'holdfast_uploads_ended_total{outcome="completed"} 1',
    'holdfast_uploads_ended_total{outcome="cancelled"} 1',
    'holdfast_chunks_received_total{duplicate="false"} 2',
    'holdfast_chunks_received_total{duplicate="true"} 1',
    `holdfast_received_bytes_total ${bytes.length}`,
    'holdfast_completion_duration_seconds_count 1',
    'holdfast_chunk_duration_seconds_count 3',
    'holdfast_uploads{state="receiving"} 1',
    'holdfast_uploads{state="completed"} 1',
    'holdfast_event_streams 0',
  ])
    expect(lines).toContain(line);
  const refused = lines.find((l) => l.startsWith('http_request_duration_seconds_count') && l.includes('status="404"'));
  expect(refused).toMatch(/method="GET"/);
  expect(refused).toMatch(/route="\/v1\/uploads\/:id".* 1$/);
  expect(lines.some((l) => l.startsWith('process_resident_memory_bytes'))).toBe(true);
  expect(lines.join('\n'), 'ids are not labels').not.toContain(first.id);
});

test('the API document has every route of the code, and its references resolve', async () => {
  await using node = await RunningNode.start();
  const { body: document } = await node.json<{
    openapi: string;
    paths: Record<string, Record<string, { responses: object; parameters?: { name: string; in: string }[] }>>;
    components: { schemas: object };
  }>('GET', '/openapi.json');
  expect(document.openapi).toBe('3.1.0');
  for (const { method, path } of await routesInTheCode())
    expect(Object.keys(document.paths[path] ?? {}), `${method} ${path}`).toContain(method);
  for (const [path, operations] of Object.entries(document.paths)) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);
    for (const [method, operation] of Object.entries(operations)) {
      expect(Object.keys(operation.responses).length, `${method} ${path} has answers`).toBeGreaterThan(0);
      const declared = (operation.parameters ?? []).filter((p) => p.in === 'path').map((p) => p.name);
      expect(declared.sort(), `${method} ${path} declares its parameters`).toEqual(inPath.sort());
    }
  }
  for (const reference of references(document)) expect(resolves(document, reference), reference).toBe(true);
});

test('C9: an upload without chunks for its time expires, frees its bytes, and is purged from the lists in the end', async () => {
  const seconds = 1 / 3600;
  await using node = await RunningNode.start({
    config: { sessionTimeoutHours: 1.5 * seconds, cleanupIntervalMinutes: 0.1 / 60, retentionDays: (2 * seconds) / 24 },
  });
  const quiet = await node.create({ size: 2 * chunkBytes });
  const paused = await node.create({ size: 2 * chunkBytes });
  await node.put(quiet.id, 0, someBytes(chunkBytes));
  await node.put(paused.id, 0, someBytes(chunkBytes));
  await node.json('POST', `/v1/uploads/${paused.id}/pause`);
  expect((await node.incoming()).sort()).toEqual([quiet.id, paused.id].sort());
  const states = async () => [(await node.status(quiet.id)).state, (await node.status(paused.id)).state];
  await expect.poll(states, { timeout: 8_000 }).toEqual(['expired', 'expired']);
  await expect.poll(() => node.incoming(), { timeout: 3_000 }).toEqual([]);
  const refused = expectProblem(await node.put(quiet.id, 1, someBytes(chunkBytes)), 410, 'upload-closed');
  expect(refused.details).toMatchObject({ state: 'expired' });
  expect((await node.events(quiet.id)).at(-1)).toMatchObject({ type: 'expired' });
  const gone = async () => (await node.json('GET', `/v1/uploads/${quiet.id}`)).status;
  await expect.poll(gone, { timeout: 8_000 }).toBe(404);
});

test('C9: every chunk keeps its upload alive', async () => {
  await using node = await RunningNode.start({
    config: { sessionTimeoutHours: 1.5 / 3600, cleanupIntervalMinutes: 0.1 / 60 },
  });
  const upload = await node.create({ size: 5 * chunkBytes });
  for (let i = 0; i < 5; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect((await node.put(upload.id, i, someBytes(chunkBytes))).status).toBe(200);
  }
});

const sources = fileURLToPath(new URL('../src', import.meta.url));
/** For people and scrapers, not part of the API. */
const notInDocument = new Set(['/health', '/health/live', '/health/ready', '/metrics', '/openapi.json']);

async function routesInTheCode(): Promise<{ method: string; path: string }[]> {
  const out: { method: string; path: string }[] = [];
  for (const folder of ['http', 'dialects/native']) {
    for (const name of await readdir(join(sources, folder))) {
      if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
      const text = await readFile(join(sources, folder, name), 'utf8');
      for (const [, method = '', route = ''] of text.matchAll(
        /\bapp\.(get|post|put|delete|patch)(?:<[^(]*>)?\(\s*'(\/[^']*)'/g,
      ))
        if (!notInDocument.has(route)) out.push({ method, path: route.replace(/:(\w+)/g, '{$1}') });
    }
  }
  expect(out.length).toBeGreaterThan(18);
  return out;
}

function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : references(inner),
  );
}

function resolves(document: object, reference: string): boolean {
  if (!reference.startsWith('#/')) return false;
  let at: unknown = document;
  for (const part of reference.slice(2).split('/'))
    at = (at as Record<string, unknown> | undefined)?.[
      decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    ];
  return at !== undefined;
}
