/** E2: what is under deploy/ as it runs: the container's limits around a server, the nginx configuration in front of one. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Run } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nginx } from '../../packages/server/test/proxies.ts';
import { environment, holdfast, nodeBinary, ServerProcess } from './server-process.ts';
import { Api, seededBytes, seededRandom, sha256 } from './upload-driver.ts';

const run = promisify(execFile);
const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const isRoot = process.getuid?.() === 0;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-deploy-run-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** As compose.yaml and holdfast.yaml have it: nothing can be written to but the data folder, not even /tmp, and there are no capabilities. */
const contained = (data: string) => [
  ...['unshare', '--mount', 'sh', '-c'],
  'set -e; mount --make-rprivate /; mount --bind "$1" "$1"; for at in $(findmnt -rno TARGET -t ext4,xfs,btrfs,overlay,tmpfs); do ' +
    '[ "$at" = "$1" ] || mount -o remount,bind,ro "$at"; done; if touch /tmp/.written 2>/dev/null; then exit 99; fi; shift; ' +
    'exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"',
  ...['contained', data],
];

// Making a namespace needs a privilege that developers may not have; CI has it.
test.runIf(isRoot)('E2: with a read-only root and without capabilities a file arrives and is processed', async () => {
  const data = await mkdtemp(join(dir, 'data-'));
  const film = join(dir, 'film.mp4');
  const sources = ['-f', 'lavfi', '-i', 'testsrc=d=1:s=160x90:r=10'];
  await run('ffmpeg', ['-v', 'error', ...sources, '-c:v', 'libx264', '-preset', 'ultrafast', film]);
  const dockerfile = await readFile(join(deploy, 'container/Dockerfile'), 'utf8');
  const health = JSON.parse(/^HEALTHCHECK .* CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '') as string[];
  await using server = await ServerProcess.start({
    dataDir: data,
    env: { HOLDFAST_RESERVE_MB: '0' },
    within: contained(data),
  });
  const sent = await holdfast(['upload', film, '--server', server.url]);
  expect(sent.code, sent.stderr).toBe(0);
  const api = new Api(() => server.url);
  const path = `/v1/assets/${sha256(await readFile(film))}/runs`;
  const states = async () => (await api.json<{ items: Run[] }>('GET', path)).body.items.map(({ state }) => state);
  await expect.poll(states, { timeout: 30_000 }).toEqual(['succeeded']);
  api.close();
  const asked = (port: number) =>
    run(nodeBinary, health.slice(1), { env: environment({ HOLDFAST_PORT: String(port) }) });
  await asked(server.port);
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  await expect(asked(server.port)).rejects.toMatchObject({ code: 1 });
  expect(server.log.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});

test('E2: behind deploy/nginx, with one of two nodes away, doctor finds nothing wrong and a file arrives', async () => {
  const env = { HOLDFAST_RESERVE_MB: '0', HOLDFAST_TRUSTED_PROXIES: '127.0.0.1' };
  await using server = await ServerProcess.start({ args: ['--no-pipeline'], env });
  // Nobody listens on the port of discard.
  const site = (await readFile(join(deploy, 'nginx/holdfast.conf'), 'utf8'))
    .replace('10.0.0.11:8080', '127.0.0.1:9')
    .replace('10.0.0.12:8080', `127.0.0.1:${server.port}`);
  await using proxy = await nginx(site);
  const file = join(dir, 'file.bin');
  const bytes = seededBytes(seededRandom(3), 20 * 1024 * 1024);
  await writeFile(file, bytes);
  const doctor = holdfast(['doctor', '--url', proxy.url, '--json']);
  const sent = await holdfast(['upload', file, '--server', proxy.url]);
  expect(sent.code, sent.stderr).toBe(0);
  const api = new Api(() => server.url);
  expect((await api.bytes(`/v1/assets/${sha256(bytes)}/content`)).equals(bytes)).toBe(true);
  api.close();
  const { diagnoses } = JSON.parse((await doctor).stdout) as { diagnoses: { subject: string; verdict: string }[] };
  const verdicts = Object.fromEntries(diagnoses.map(({ subject, verdict }) => [subject, verdict]));
  const good = ['scheme and host', 'client address', 'headers', 'methods', 'request bodies', 'event streams'];
  expect(verdicts).toMatchObject(Object.fromEntries(good.map((subject) => [subject, 'good'])));
});
