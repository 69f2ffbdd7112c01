/** C12 and the documents: settings of the source service, the page's transcript, OpenAPI. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { expectDetail } from './chunked-form-client.ts';
import { chunkOf, lecture, md5, RecordingsClient, recordingChunkBytes } from './recordings-client.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const size = 2 * recordingChunkBytes + 100;
const bytes = someBytes(size);

describe('C12: settings', () => {
  test('take effect and are published', async () => {
    await using node = await RunningNode.start({
      config: {
        maxChunkSizeMb: 2,
        sessionTimeoutHours: 48,
        audioCompression: false,
        compressionPreset: 'MOBILE_OPTIMIZED',
        preserveOriginalAudio: true,
      },
    });
    const client = new RecordingsClient(node);
    const published = {
      max_chunk_size_mb: 2,
      recommended_chunk_size_mb: 2,
      session_timeout_hours: 48,
      validation_enabled: true,
      audio_compression_enabled: false,
      default_compression_preset: 'MOBILE_OPTIMIZED',
      preserve_original_audio: true,
    };
    expect((await client.send('/config')).body).toEqual(published);
    const { body } = await client.create({ ...lecture, filename: 'a.webm', file_size_total: size });
    expect(body['chunk_config']).toMatchObject({ ...published, chunk_size: 2 * 1024 * 1024, total_chunks_expected: 6 });
    const hours = (Date.parse(body['chunk_config']['expires_at']) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(47.9);
    expectDetail(await client.chunk(body['recording_id'], 1, chunkOf(bytes, 1)), 413, /./, 'body-too-long');
  });

  test('validation off: checksums are passed over, wrong ones too', async () => {
    await using node = await RunningNode.start({ config: { chunkValidation: false } });
    const client = new RecordingsClient(node);
    const id = await client.begin(size, { file_checksum: 'nonsense' });
    const chunk = await client.chunk(id, 1, chunkOf(bytes, 1), { chunk_checksum: md5(bytes), checksum: 'nonsense' });
    expect(chunk).toMatchObject({ status: 200, body: { chunk_checksum: null, checksum_algorithm: null } });
    expect((await client.upload(id, bytes)).body).toMatchObject({
      checksum_validated: false,
      file_checksum_expected: null,
      file_checksum_actual: sha256(bytes),
    });
    expect((await client.send('/config')).body).toMatchObject({ validation_enabled: false });
  });
});

describe('documents', () => {
  test('C3–C7: the curl transcript of docs/recordings.md, as it stands', async () => {
    await using node = await RunningNode.start();
    const text = await readFile(new URL('../../../docs/recordings.md', import.meta.url), 'utf8');
    const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]);
    expect(blocks.length).toBeGreaterThan(4);
    const cwd = await mkdtemp(join(tmpdir(), 'holdfast-curl-'));
    const file = join(cwd, 'una clase & más.webm');
    await writeFile(file, bytes);
    const env = { PATH: process.env['PATH'], URL: node.url, FILE: file };
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', blocks.join('\n')], { env, cwd });
    await rm(cwd, { recursive: true });
    const receipts = [...stdout.matchAll(/\{"status":"received".*?\}/g)].map((match) => JSON.parse(match[0]));
    expect(receipts.map((receipt) => receipt.chunks_received)).toEqual([1, 2, 3]);
    expect(stdout).toContain('"checksum_validated":true');
    expect(stdout).toContain(`"final_file_url":"/v1/assets/${sha256(bytes)}/content"`);
  });

  const operations: readonly (readonly [string, string])[] = [
    ['post', '/'],
    ['get', '/'],
    ['get', '/config'],
    ['get', '/{id}'],
    ['get', '/{id}/chunks'],
    ['post', '/{id}/chunk'],
    ['post', '/{id}/complete'],
    ['get', '/{id}/upload-status'],
    ['post', '/{id}/recovery'],
    ['post', '/{id}/pause'],
    ['post', '/{id}/resume'],
    ['post', '/{id}/cancel'],
  ];
  it('the OpenAPI document and the page have every route', async () => {
    await using node = await RunningNode.start();
    interface Operation {
      readonly tags: string[];
      readonly requestBody?: { readonly content: Record<string, unknown> };
    }
    const { paths } = (await node.json<{ paths: Record<string, Record<string, Operation>> }>('GET', '/openapi.json'))
      .body;
    const text = await readFile(new URL('../../../docs/recordings.md', import.meta.url), 'utf8');
    for (const [method, path] of operations) {
      const operation = paths[`/api/v1/recordings${path}`]?.[method];
      expect(operation?.tags, `${method} ${path}`).toEqual(['recordings']);
      const types = Object.keys(operation?.requestBody?.content ?? {});
      expect(types.length, `${method} ${path}`).toBe(method === 'get' ? 0 : path.endsWith('/chunk') ? 1 : 3);
      expect(text).toContain(path.replace('{id}', ':id').replace(/^\/:id(?=\/(?:resume|cancel))/, ''));
    }
  });
});
