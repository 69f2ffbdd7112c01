/**
 * Pipelines from a definition file on a real server: two commands process uploads; a change of one of them is planned with its reason and
 * applied to exactly that step and what depends on it; a server killed in a command ends what it left and runs the step again.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand } from '../../packages/server/test/command-line.ts';
import { holdfast, ServerProcess } from './server-process.ts';
import { Api, sha256 } from './upload-driver.ts';

let dir: string;
let file: string;
let server: ServerProcess;
let api: Api;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-pipelines-'));
  file = join(dir, 'pipelines.yaml');
  await writeFile(
    join(dir, 'count.sh'),
    `echo "count $$" >> ${dir}/log\nwhile [ -e ${dir}/hold ]; do sleep 0.05; done\necho "{\\"bytes\\": $(wc -c < "$1")}" > "$2"\n`,
  );
  await writeFile(join(dir, 'report.sh'), `echo "report $$" >> ${dir}/log\ncat "$1" > "$2"\n`);
  await writeFile(file, definitions(1));
  server = await ServerProcess.start({
    args: ['--durability', 'committed', '--pipelines', file],
    env: { HOLDFAST_RESERVE_MB: '0' },
  });
  api = new Api(() => server.url);
});
afterAll(async () => {
  api.close();
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

function definitions(version: number): string {
  return `
pipelines:
  - name: notes
    applies: { types: [text/*] }
    steps:
      - name: scan_video
        command: [/bin/sh, ${dir}/count.sh, "{input}", "{output:analytic}"]
        version: ${version}
        outputs: { analytic: { file: "{name}.analytic.json", type: application/json } }
        retries: { initial: 10ms }
      - name: apart
        command: [sha256sum, "{input}"]
        version: 1
        outputs: { sum: { file: "{name}.sum", type: text/plain, from: stdout } }
      - name: summarize_scene
        command: [/bin/sh, ${dir}/report.sh, "{artifact:scan_video/analytic}", "{output:summary}"]
        version: 1
        needs: [scan_video]
        outputs: { summary: { file: "{name}.summary.json", type: application/json } }
`;
}

test('a server with mistakes in its definitions refuses to start and lists them', async () => {
  const bad = join(dir, 'bad.yaml');
  await writeFile(
    bad,
    definitions(1).replace('needs: [scan_video]', 'needs: [scan]').replace('version: 1', 'colour: 1'),
  );
  const started = await holdfast(['serve', '--port', '0', '--data', join(dir, 'other'), '--pipelines', bad]);
  expect(started.code).toBe(2);
  expect(started.stderr).toMatch(/have a mistake:\n.*bad\.yaml:8:9: "colour" is not known here; known are name, /);
  const checked = await runCommand(['pipelines', 'check', bad]);
  expect(checked).toMatchObject({ exitCode: 1, stdout: '' });
  expect(checked.stderr).toContain('bad.yaml:8:9:');
});

test('D3, D4: commands process uploads; a changed one is planned with its reason and done again, with what depends on it and nothing else', async () => {
  const ids = [];
  for (const text of ['one', 'two words', 'three of them']) ids.push(await send(text));
  const first = await Promise.all(ids.map((id) => ended(id, 1)));
  for (const run of first)
    expect(run.steps.map((step) => [step.name, step.state, step.attempt])).toEqual([
      ['scan_video', 'succeeded', 1],
      ['apart', 'succeeded', 1],
      ['summarize_scene', 'succeeded', 1],
    ]);
  expect(first[0]?.steps[0]?.output).toMatchObject({
    analytic: 'talk.analytic.json',
    data: { analytic: { bytes: 3 } },
  });
  expect(await executions()).toEqual({ count: 3, report: 3 });

  await writeFile(file, definitions(2));
  const planned = await runCommand(['pipelines', 'plan', file, '--all', '--server', server.url]);
  expect(planned.stdout).toContain('3 assets looked at, 3 runs to start: 6 steps to run, 3 taken from the ledger.');
  expect(planned.stdout).toMatch(
    /3 {2}notes\/scan_video: version 1 → 2\n {2}3 {2}notes\/summarize_scene: input scan_video changed/,
  );
  const before = await runCommand(['pipelines', 'apply', '--all', '--yes', '--server', server.url]);
  expect(before.stdout).toBe('3 assets looked at: everything is up to date.\n');

  await server.restart();
  const dry = await runCommand(['pipelines', 'apply', '--all', '--server', server.url]);
  expect(dry.stderr).toContain('Nothing was started');
  const applied = await runCommand(['pipelines', 'apply', '--since', '1h', '--yes', '--json', '--server', server.url]);
  expect(JSON.parse(applied.stdout)).toMatchObject({
    event: 'summary',
    looked: 3,
    runs: 3,
    stepsToRun: 6,
    stepsTaken: 3,
  });
  const second = await Promise.all(ids.map((id) => ended(id, 2)));
  for (const [i, run] of second.entries()) {
    expect(run.state).toBe('succeeded');
    expect(run.steps[1]).toEqual(first[i]?.steps[1]);
    for (const step of [0, 2]) expect(run.steps[step]?.key).not.toBe(first[i]?.steps[step]?.key);
  }
  expect(await executions()).toEqual({ count: 6, report: 6 });
  const again = await runCommand(['pipelines', 'apply', '--all', '--yes', '--server', server.url]);
  expect(again.stdout).toBe('3 assets looked at: everything is up to date.\n');
});

test('D4: killed in a command: what it left running is ended, the step runs again', async () => {
  await writeFile(join(dir, 'hold'), '');
  const counted = (await executions())['count'] ?? 0;
  const id = await send('another');
  await expect.poll(async () => (await executions())['count'], { timeout: 10_000 }).toBe(counted + 1);
  const apart = async () =>
    (await api.json<{ items: Run[] }>('GET', `/v1/assets/${id}/runs`)).body.items[0]?.steps[1]?.state;
  await expect.poll(apart, { timeout: 10_000 }).toBe('succeeded');
  const orphan = Number((await lines()).findLast((line) => line.startsWith('count'))?.split(' ')[1]);
  await server.kill();
  expect(isAlive(orphan)).toBe(true);
  await server.run();
  await expect.poll(() => isAlive(orphan), { timeout: 5_000 }).toBe(false);
  await rm(join(dir, 'hold'));
  const run = await ended(id, 1);
  // The death of the server cost it no attempt.
  expect(run.steps.map((step) => [step.state, step.attempt])).toEqual([
    ['succeeded', 1],
    ['succeeded', 1],
    ['succeeded', 1],
  ]);
  expect((await executions())['count']).toBe(counted + 2);
});

/** The newest run, once the asset has that many and none is under way. */
async function ended(assetId: string, count: number): Promise<Run> {
  let runs: Run[] = [];
  await expect
    .poll(
      async () => {
        runs = (await api.json<{ items: Run[] }>('GET', `/v1/assets/${assetId}/runs`)).body.items;
        return runs.filter((run) => run.state !== 'running').length;
      },
      { timeout: 20_000 },
    )
    .toBe(count);
  const [newest] = runs;
  if (!newest) throw new Error('no run');
  return newest;
}

async function send(text: string): Promise<string> {
  const wish = { filename: 'talk.txt', contentType: 'text/plain', size: text.length };
  const { body } = await api.json<Upload>('POST', '/v1/uploads', wish);
  await api.put(`/v1/uploads/${body.id}/chunks/0`, Buffer.from(text));
  await api.json('POST', `/v1/uploads/${body.id}/complete`);
  return sha256(Buffer.from(text));
}

async function lines(): Promise<string[]> {
  return (await readFile(join(dir, 'log'), 'utf8')).trim().split('\n');
}

async function executions(): Promise<Record<string, number>> {
  const found = Map.groupBy(await lines(), (line) => line.split(' ')[0] ?? '');
  return Object.fromEntries([...found].map(([name, all]) => [name, all.length]));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
