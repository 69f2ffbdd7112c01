/** Watched folders of a whole server: the API, the page's data, health, metrics, and the commands beside it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Asset, AssetList, WatchFolderDetails, WatchFolderList } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from './command-line.ts';
import { expectProblem, RunningNode, sha256 } from './running-node.ts';
import { someMedia } from './watch-bench.ts';

let dir: string;
let node: RunningNode;
const bytes = someMedia(50_000);
const keys = ['admin', 'other'].map((name) => ({
  principal: name,
  sha256: sha256(Buffer.from(`${name}-0123456789abcdef`)),
}));

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-watch-'));
  await mkdir(join(dir, 'in'));
  await writeFile(join(dir, 'in', 'talk.mp4'), bytes);
  await writeFile(join(dir, 'in', 'empty.mp4'), '');
  const folder = {
    path: join(dir, 'in'),
    settleSeconds: 0.05,
    intervalSeconds: 600,
    principal: 'admin',
    metadata: { tema: 'x' },
  };
  node = await RunningNode.start({
    dataDir: join(dir, 'data'),
    apiKey: 'admin-0123456789abcdef',
    config: { apiKeys: keys, admins: ['admin'], watch: [folder, { ...folder, path: join(dir, 'away') }] },
  });
});
afterAll(async () => {
  await node.stop();
  await rm(dir, { recursive: true, force: true });
});

async function folders(): Promise<WatchFolderList['items']> {
  return (await node.json<WatchFolderList>('GET', '/v1/watch')).body.items;
}

describe('a server with watched folders', () => {
  it('D1: takes what is there; the asset shows where it was found, with the metadata of the folder', async () => {
    for (const end = Date.now() + 15_000; (await folders())[0]?.counts.done !== 1 && Date.now() < end; await sleep(20));
    const { body } = await node.json<AssetList>('GET', '/v1/assets');
    expect(body.items).toMatchObject([
      { id: sha256(bytes), filename: 'talk.mp4', contentType: 'video/mp4', size: bytes.length },
    ]);
    const [asset] = body.items as Asset[];
    expect(asset?.sources).toMatchObject([
      { metadata: { tema: 'x' }, watched: { folder: join(dir, 'in'), path: 'talk.mp4' } },
    ]);
    const content = await node.fetch(`/v1/assets/${asset?.id}/content`);
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true);
    const other = node.as('other-0123456789abcdef');
    expectProblem(await other.json('GET', `/v1/assets/${asset?.id}`), 404, 'asset-not-found');
  });

  it('tells the state of each folder, and for each file why it waits', async () => {
    const [here, away] = await folders();
    expect(here).toMatchObject({
      state: 'watching',
      notices: 'changes',
      counts: { waiting: 1, done: 1, succeeded: 1 },
    });
    expect(away).toMatchObject({ state: 'offline', reason: 'it is not there' });
    const { body } = await node.json<WatchFolderDetails>('GET', `/v1/watch/${here?.id}`);
    expect(body.waitingFiles).toMatchObject([{ path: 'empty.mp4', reason: 'it is empty', state: 'waiting' }]);
    expect(body.recentFiles).toMatchObject([{ path: 'talk.mp4', outcome: 'succeeded', sha256: sha256(bytes) }]);
    const { body: health } = await node.json<{ status: string; checks: { name: string; status: string }[] }>(
      'GET',
      '/health',
    );
    expect(health.status).toBe('degraded');
    expect(health.checks.filter(({ name }) => name.startsWith('watch ')).map(({ status }) => status)).toEqual([
      'ok',
      'failing',
    ]);
    for (const at of ['/health', '/health/ready'])
      for (const whoever of [node.as('other-0123456789abcdef'), node.as('nobody-0123456789abcdef'), null]) {
        const answer = whoever === null ? await fetch(`${node.url}${at}`) : await whoever.fetch(at);
        const text = await answer.text();
        expect(text).not.toContain(dir);
        expect((JSON.parse(text) as typeof health).checks).toMatchObject([
          ...health.checks
            .filter(({ name }) => !name.startsWith('watch '))
            .map(({ name, status }) => ({ name, status })),
          { name: `watch ${here?.id}`, status: 'ok', detail: 'works' },
          { name: `watch ${away?.id}`, status: 'failing', detail: 'does not work; administrators are told why' },
        ]);
      }
    const metrics = await (await node.fetch('/metrics')).text();
    expect(metrics).toMatch(/holdfast_watch_files_taken_total\{folder="[^"]*in",how="(?:copy|reflink)"\} 1/);
    expect(metrics).toMatch(/holdfast_watch_folder_up\{folder="[^"]*away"\} 0/);
    const toOthers = await (await node.as('other-0123456789abcdef').fetch('/metrics')).text();
    expect(toOthers).not.toContain(dir);
    expect(toOthers).toContain(`holdfast_watch_folder_up{folder="${away?.id}"} 0`);
    expect(toOthers.match(/^[^ ]*_watch_.* /gm)?.length).toBe(metrics.match(/^[^ ]*_watch_.* /gm)?.length);
  });

  it('scans at once when asked, for administrators only', async () => {
    const [, away] = await folders();
    await mkdir(join(dir, 'away'));
    const scanned = await node.json<WatchFolderDetails>('POST', `/v1/watch/${away?.id}/scan`);
    expect(scanned).toMatchObject({ status: 200, body: { state: 'watching' } });
    expect(await node.json('POST', `/v1/watch/${away?.id}/resume`)).toMatchObject({ status: 200 });
    expectProblem(await node.json('GET', '/v1/watch/0123'), 404, 'folder-not-found');
    expectProblem(await node.json('POST', '/v1/watch/0123/scan'), 404, 'folder-not-found');
    expectProblem(await node.as('other-0123456789abcdef').json('GET', '/v1/watch'), 403, 'forbidden');
  });

  it('D5: gives its log of processed contents to export, and takes an older system’s, while it runs', async () => {
    const data = ['--data', join(dir, 'data')];
    const exported = await runCommand(['export', 'processed', ...data]);
    expect(exported.stdout).toMatch(new RegExp(`^${sha256(bytes)}  \\S+Z  succeeded  talk.mp4\n$`));
    const known = someMedia(600);
    const list = join(dir, 'old.txt');
    await writeFile(list, `# of the old system\n${sha256(known)}  old.mp4\nnonsense\n${sha256(bytes)}\n`);
    const imported = await runCommand(['import-processed', list, ...data, '--json']);
    expect(imported.exitCode).toBe(1);
    expect(JSON.parse(imported.stdout)).toMatchObject({
      added: 1,
      known: 1,
      bad: 1,
      badLines: [{ line: 3, text: 'nonsense' }],
    });
    await writeFile(join(dir, 'in', 'known.mp4'), known);
    for (
      const end = Date.now() + 15_000;
      (await folders())[0]?.counts.known !== 1 && Date.now() < end;
      await sleep(20)
    );
    expectProblem(await node.json('GET', `/v1/assets/${sha256(known)}`), 404, 'asset-not-found');
    const forgotten = await runCommand(['forget', sha256(known), ...data]);
    expect(forgotten).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('taken at the next scan') });
    const folderId = (await folders())[0]?.id;
    await node.json('POST', `/v1/watch/${folderId}/scan`);
    for (
      const end = Date.now() + 15_000;
      (await folders())[0]?.counts.succeeded !== 2 && Date.now() < end;
      await sleep(20)
    );
    expect(await node.json('GET', `/v1/assets/${sha256(known)}`)).toMatchObject({ status: 200 });
    // What was deleted comes back in the same way, and not by itself.
    const path = `/v1/assets/${sha256(known)}`;
    const scan = () => node.json('POST', `/v1/watch/${folderId}/scan`);
    expect(await node.json('DELETE', path)).toMatchObject({ status: 204 });
    await scan();
    expect(await node.json('GET', path)).toMatchObject({ status: 404 });
    const again = await runCommand(['forget', sha256(known), ...data]);
    expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('taken at the next scan') });
    await scan();
    await expect.poll(async () => (await node.json('GET', path)).status).toBe(200);
    const kept = await runCommand(['forget', sha256(bytes), ...data]);
    expect(kept.stdout).toContain('it is an asset here');
    expect(await runCommand(['forget', 'xyz', ...data])).toMatchObject({ exitCode: 2 });
    for (const [file, code] of [
      [join(dir, 'none'), 'ENOENT'],
      [join(dir, 'in'), 'EISDIR'],
    ] as const) {
      const refused = await runCommand(['import-processed', file, ...data]);
      expect(refused).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining(`${file} cannot be read: ${code}`),
      });
    }
    await writeFile(list, '');
    expect(await runCommand(['import-processed', list, ...data])).toMatchObject({ exitCode: 0 });
  });

  it('D1: holdfast watch --once takes, processes, tells and ends with a code', async () => {
    await mkdir(join(dir, 'once'));
    await writeFile(
      join(dir, 'once', 'broken.mp4'),
      Buffer.concat([Buffer.from('0000001c66747970', 'hex'), Buffer.from('isom')]),
    );
    const args = ['watch', join(dir, 'once'), '--once', '--settle', '0.05', '--data', join(dir, 'data2'), '--json'];
    const ran = await runCommand(args);
    expect(ran.exitCode).toBe(1);
    expect(ran.events.map(({ event }) => event)).toEqual(['taken', 'ended', 'summary']);
    expect(ran.events.at(-1)).toMatchObject({ taken: 1, failed: 1, left: [] });
    await writeFile(join(dir, 'once', 'empty.mp4'), '');
    expect(await runCommand(args)).toMatchObject({ exitCode: 4 });
    expect(await runCommand(['watch', '--data', join(dir, 'data2')])).toMatchObject({ exitCode: 2 });
  });

  it('holdfast watch --once tells what it could not move or write, and ends with a code that says so', async () => {
    const folder = join(dir, 'problems');
    await mkdir(folder);
    await writeFile(join(folder, 'talk.mp4'), someMedia(700));
    const config = join(dir, 'problems.json');
    // A directory: nobody can write lines into it.
    await writeFile(config, JSON.stringify({ processedLog: folder, pipeline: false }));
    const args = ['watch', folder, '--once', '--settle', '0.05', '--data', join(dir, 'data3'), '--config', config];
    const ran = await runCommand(args);
    expect(ran.stdout).toMatch(/problems {2}the log of processed contents cannot be written: EISDIR.*\n1 taken/);
    expect(ran.exitCode).toBe(1);
    const told = (await runCommand([...args, '--json'])).events.at(-1);
    expect(told).toMatchObject({ problems: [{ folder, problem: expect.stringContaining('EISDIR') }] });
  });
});
