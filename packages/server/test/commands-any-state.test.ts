/** B6, C10, E2: commands that work on what a server keeps know every place that `serve` knows: PostgreSQL, Redis, S3, and the folder. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startPostgres, type TestPostgres } from '../src/testing/postgres.ts';
import { startRedis, type TestRedis } from '../src/testing/redis.ts';
import { S3Stub } from '../src/testing/s3-stub/stub.ts';
import { runCommand } from './command-line.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const digest = sha256(Buffer.from('processed elsewhere'));
let postgres: TestPostgres;
let redis: TestRedis;
let s3: S3Stub;
let dir: string;

beforeAll(async () => {
  [postgres, redis, s3, dir] = await Promise.all([
    startPostgres(),
    startRedis(),
    S3Stub.start(),
    mkdtemp(join(tmpdir(), 'holdfast-commands-')),
  ]);
  // As the AWS SDK finds them.
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
  await writeFile(join(dir, 'list'), `${digest}  old.mp4\n`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([postgres.stop(), redis.stop(), s3[Symbol.asyncDispose](), rm(dir, { recursive: true })]);
});

interface Diagnosis {
  readonly subject: string;
  readonly verdict: string;
  readonly found: string;
}

async function diagnoses(args: readonly string[], env: Record<string, string>): Promise<Map<string, Diagnosis>> {
  const { stdout } = await runCommand(['doctor', '--json', '--data', dir, ...args], { env });
  const found = (JSON.parse(stdout) as { diagnoses: Diagnosis[] }).diagnoses;
  return new Map(found.map((one) => [one.subject, one]));
}

test('a ledger in PostgreSQL and bytes in S3: the log of processed contents beside a node, the rest once it is stopped', async () => {
  const state = await postgres.createDatabase();
  const s3Settings = { blobs: `s3://${s3.bucket}/x`, s3Endpoint: s3.endpoint, s3PathStyle: true };
  const env = { HOLDFAST_S3_ENDPOINT: s3.endpoint, HOLDFAST_S3_PATH_STYLE: 'true' };
  const place = ['--state', state, '--data', dir];
  const empty = await runCommand(['export', 'processed', ...place]);
  expect(empty).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('nothing of Holdfast') });

  await using node = await RunningNode.start({ config: { state, ...s3Settings, nodeName: 'busy' } });
  const bytes = someBytes(1000);
  await node.upload(bytes);
  expect((await runCommand(['import-processed', join(dir, 'list'), ...place])).stdout).toMatch(/^1 contents imported/);
  expect((await runCommand(['export', 'processed', ...place])).stdout).toMatch(new RegExp(`^${digest}.*old\\.mp4`));
  expect((await runCommand(['forget', digest], { env: { HOLDFAST_STATE: state } })).stdout).toMatch(/ forgotten/);
  const stopped = ['--blobs', s3Settings.blobs, ...place];
  for (const command of ['reindex', 'verify', 'leave-redis'])
    expect(await runCommand([command, ...(command === 'leave-redis' ? place : stopped)], { env })).toMatchObject({
      exitCode: 1,
      stderr: 'Nodes use this state: busy. Stop them first.',
    });
  await node.stop();
  expect(await runCommand(['reindex', '--json', ...stopped], { env })).toMatchObject({
    exitCode: 0,
    stdout: '{"assets":1,"indexed":1,"left":0}\n',
  });
  // The settings of the server in a file do as well.
  await writeFile(join(dir, 'settings.yaml'), JSON.stringify({ state, ...s3Settings, dataDir: dir }));
  const verified = await runCommand(['verify', '--config', join(dir, 'settings.yaml')]);
  expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Checked 1 assets (0.0 MB read)') });
  const backup = await runCommand(['backup', join(dir, 'copy'), ...stopped], { env });
  expect(backup).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('bytes in S3') });

  const looks = await diagnoses(['--state', state, '--blobs', s3Settings.blobs], env);
  expect(looks.get('postgresql')).toMatchObject({ found: expect.stringContaining('schema') });
  expect(looks.get('bucket')).toMatchObject({ verdict: 'good', found: expect.stringContaining(s3.bucket) });
  expect(looks.has('sqlite')).toBe(false);
});

test('uploads in Redis: their ledger is not served without them, until they are given up', async () => {
  const dataDir = join(dir, 'beside-redis');
  const begun = await RunningNode.start({ dataDir, config: { state: redis.url } });
  await begun.upload(someBytes(10));
  await begun.stop();

  await expect(RunningNode.start({ dataDir })).rejects.toMatchObject({
    code: 'invalid-request',
    message: expect.stringContaining('--state redis://'),
  });
  await expect(runCommand(['reindex', '--data', dataDir])).rejects.toMatchObject({ code: 'invalid-request' });
  const env = { HOLDFAST_STATE: redis.url };
  expect((await runCommand(['reindex', '--data', dataDir], { env })).stdout).toBe('Indexed 1 of 1 assets.\n');
  const imported = await runCommand(['import-processed', join(dir, 'list'), '--data', dataDir], { env });
  expect(imported.stdout).toMatch(/^1 contents imported/);

  expect((await runCommand(['leave-redis', '--data', dataDir])).stdout).toMatch(/in the database from now on/);
  expect((await runCommand(['leave-redis', '--data', dataDir])).exitCode).toBe(1);
  const after = await RunningNode.start({ dataDir });
  await after.upload(someBytes(10));
  await after.close();
});

test('doctor says what is wrong with a Redis and with a bucket', async () => {
  const good = await diagnoses(['--state', redis.url], {});
  expect(good.get('redis')).toMatchObject({ verdict: 'good', found: expect.stringContaining('version') });
  await using careless = await startRedis({ appendfsync: 'everysec' });
  const env = { HOLDFAST_S3_ENDPOINT: s3.endpoint, HOLDFAST_S3_PATH_STYLE: 'true' };
  const bad = await diagnoses(['--state', careless.url, '--blobs', 's3://missing'], env);
  expect(bad.get('redis')).toMatchObject({ verdict: 'bad', found: expect.stringContaining('appendfsync always') });
  expect(bad.get('bucket')).toMatchObject({ verdict: 'bad', found: expect.any(String) });
});
