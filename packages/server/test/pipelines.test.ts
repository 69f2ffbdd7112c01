/** /v1/pipelines and `holdfast pipelines` on a running server: who may ask, plans with reasons, applying page by page. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PipelineList, PipelinePlan, Problem, Run } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runCommand } from './command-line.ts';
import { expectProblem, RunningNode, sha256 } from './running-node.ts';

const keys = { admin: 'k-0123456789abcdef-admin', ada: 'k-0123456789abcdef-ada' };
const texts = ['one', 'two', 'three', 'four', 'five'];
const ids = texts.map((text) => sha256(Buffer.from(text))).sort();

let dir: string;
let node: RunningNode;
let admin: RunningNode;

/** Words are counted by a command that this version of the definition names. */
const definitions = (version: number, course = 'hist*') => `
pipelines:
  - name: words
    applies: { metadata: { course: "${course}" } }
    steps:
      - { name: words, version: ${version}, command: [wc, -w, "{input}"], outputs: { n: { file: n.txt, type: text/plain, from: stdout } } }
`;

async function start(file: string, wish: object = {}): Promise<RunningNode> {
  const apiKeys = Object.entries(keys).map(([principal, key]) => ({ principal, sha256: sha256(Buffer.from(key)) }));
  const dataDir = join(dir, 'data');
  return RunningNode.start({
    dataDir,
    apiKey: keys.ada,
    config: { pipeline: true, pipelines: file, apiKeys, admins: ['admin'], ...wish },
  });
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-pipelines-'));
  for (const version of [1, 2]) await writeFile(join(dir, `v${version}.yaml`), definitions(version));
  node = await start(join(dir, 'v1.yaml'));
  for (const text of texts)
    await node.upload(Buffer.from(text), {
      filename: `${text}.txt`,
      contentType: 'text/plain',
      metadata: { course: text === 'five' ? 'Law' : 'History' },
    });
  for (const text of texts.slice(0, 4)) await ended(sha256(Buffer.from(text)), 1);
  // From here on with a newer definition.
  await node.stop();
  node = await start(join(dir, 'v2.yaml'));
  admin = node.as(keys.admin);
});
afterAll(async () => {
  await node.stop();
  await rm(dir, { recursive: true, force: true });
});

async function ended(assetId: string, count: number): Promise<Run[]> {
  const answer = () => node.json<{ items: Run[] }>('GET', `/v1/assets/${assetId}/runs`);
  return vi.waitFor(
    async () => {
      const { items } = (await answer()).body;
      if (items.filter((run) => run.state === 'succeeded').length !== count) throw new Error(JSON.stringify(items));
      return items;
    },
    { timeout: 10_000 },
  );
}

const command = (args: string[], options = {}) =>
  runCommand(['pipelines', ...args, '--server', node.url, '--api-key', keys.admin], options);

test('pipelines are for administrators, and say what they do', async () => {
  for (const [method, path] of [
    ['GET', ''],
    ['POST', '/plan'],
    ['POST', '/apply'],
  ] as const)
    expectProblem(
      await node.json(method, `/v1/pipelines${path}`, method === 'POST' ? {} : undefined),
      403,
      'forbidden',
    );
  const { body } = await admin.json<PipelineList>('GET', '/v1/pipelines');
  expect(body.items.map((one) => one.name)).toEqual(['media', 'words']);
  expect(body.items[1]).toMatchObject({
    applies: { metadata: { course: 'hist*' } },
    steps: [
      {
        name: 'words',
        version: '2',
        kind: 'command',
        timeoutSeconds: 3_600,
        params: { command: ['wc', '-w', '{input}'] },
      },
    ],
  });
  const shown = await command(['show']);
  expect(shown.stdout).toMatch(/words {2}2 {8}light .* wc -w \{input\}/);
});

test('the definition decides which uploads are processed', async () => {
  const law = sha256(Buffer.from('five'));
  expect((await node.json<{ items: Run[] }>('GET', `/v1/assets/${law}/runs`)).body.items).toEqual([]);
  const { body } = await admin.json<PipelinePlan>('POST', '/v1/pipelines/plan', { assetId: law });
  expect(body).toEqual({ items: [], looked: 1, cursor: null });
});

test('a plan goes through the library by pages and starts nothing', async () => {
  const found: PipelinePlan['items'] = [];
  let looked = 0;
  for (let cursor: string | null = null, page = 0; page === 0 || cursor !== null; page += 1) {
    const from: { cursor?: string } = cursor === null ? {} : { cursor };
    const { body }: { body: PipelinePlan } = await admin.json('POST', '/v1/pipelines/plan', { limit: 2, ...from });
    found.push(...body.items);
    looked += body.looked;
    cursor = body.cursor;
  }
  expect(looked).toBe(5);
  expect(found.map((item) => item.assetId)).toEqual(ids.filter((id) => id !== sha256(Buffer.from('five'))));
  for (const item of found)
    expect(item).toMatchObject({
      pipeline: 'words',
      runId: null,
      steps: [{ name: 'words', action: 'run', why: 'version 1 → 2' }],
    });
  for (const { assetId } of found)
    expect((await node.json<{ items: Run[] }>('GET', `/v1/assets/${assetId}/runs`)).body.items).toHaveLength(1);
});

test('a plan takes definitions that the server does not have, and tells their mistakes', async () => {
  const files = [{ name: 'new.yaml', text: definitions(3, 'law') }];
  const { body } = await admin.json<PipelinePlan>('POST', '/v1/pipelines/plan', { files });
  expect(body.items).toMatchObject([{ assetName: 'five.txt', steps: [{ name: 'words', action: 'run', why: 'new' }] }]);
  const bad = [{ name: 'bad.yaml', text: definitions(3).replace('wc,', './wc,') }];
  const problem = expectProblem(
    await admin.json<Problem>('POST', '/v1/pipelines/plan', { files: bad }),
    400,
    'invalid-request',
  );
  expect(problem.detail).toMatch(/bad\.yaml:6:\d+: "\.\/wc" is a relative path/);
  expect(problem.details?.['problems']).toMatchObject([{ file: 'bad.yaml', line: 6 }]);
  // Definitions come in with plans only: whoever has the API cannot make the server run a program.
  expectProblem(await admin.json('POST', '/v1/pipelines/apply', { files }), 400, 'invalid-request');
});

test.each([
  ['an asset that is not there', { assetId: 'f'.repeat(64) }, 404, 'asset-not-found'],
  ['no id', { assetId: 'x' }, 400, 'invalid-request'],
  ['a pipeline that is not there', { pipeline: 'word' }, 400, 'invalid-request'],
  ['a page of nothing', { limit: 0 }, 400, 'invalid-request'],
  ['no time', { since: 'yesterday' }, 400, 'invalid-request'],
  ['what is not known', { everything: true }, 400, 'invalid-request'],
])('%s is refused', async (_what, body, status, code) => {
  for (const path of ['plan', 'apply'])
    expectProblem(await admin.json('POST', `/v1/pipelines/${path}`, body), status, code);
});

test('the command line plans, applies, can be interrupted and repeated', async () => {
  const plan = await command(['plan', '--since', '1h', '--each']);
  expect(plan.stdout).toMatch(/one\.txt .* words [0-9a-f]{12}\n {2}run {2}words {2}version 1 → 2\n/);
  expect(plan.stdout).toMatch(
    /5 assets looked at, 4 runs to start: 4 steps to run, 0 taken from the ledger\.\n {2}4 {2}words\/words/,
  );
  expect((await command(['plan', '--all', '--pipeline', 'media'])).stdout).toBe(
    '5 assets looked at: everything is up to date.\n',
  );
  const interrupted = new AbortController();
  interrupted.abort();
  expect(await command(['apply', '--all', '--yes'], { signal: interrupted.signal })).toMatchObject({
    exitCode: 130,
    stderr: 'interrupted; 0 runs were started. Say it again to go on.',
  });
  const [one = ''] = ids;
  const applied = await command(['apply', '--all', '--yes', '--json']);
  expect(JSON.parse(applied.stdout)).toEqual({
    event: 'summary',
    looked: 5,
    runs: 4,
    stepsToRun: 4,
    stepsTaken: 0,
    reasons: { 'words/words: version 1 → 2': 4 },
  });
  for (const text of texts.slice(0, 4)) {
    const [newest, oldest] = await ended(sha256(Buffer.from(text)), 2);
    expect(newest?.pipelineVersion).not.toBe(oldest?.pipelineVersion);
  }
  expect((await command(['apply', '--asset', one, '--yes'])).stdout).toBe(
    '1 asset looked at: everything is up to date.\n',
  );
});

test.each([
  [['plan'], /Say which assets: --asset <id>, --since <time> or --all/],
  [['plan', '--all', '--since', '1d'], /Say which assets/],
  [['apply', '--asset', '123', '--yes'], /is not the id of an asset/],
  [['plan', '--since', 'tomorrow'], /"tomorrow" is no time/],
  // Read as dates, these are months of 2001: nearly the whole library.
  [['plan', '--since', '7'], /"7" is no time/],
  [['apply', '--since', '12', '--yes'], /"12" is no time/],
  [['apply', '--since=-5', '--yes'], /"-5" is no time/],
])('%j is wrong usage', async (args, expected) => {
  const ran = await command(args);
  expect(ran.exitCode).toBe(2);
  expect(ran.stderr).toMatch(expected);
});

test('check tells mistakes for people and for scripts', async () => {
  await writeFile(join(dir, 'bad.yml'), definitions(1).replace('version: 1', 'versio: 1'));
  const good = await runCommand(['pipelines', 'check', join(dir, 'v1.yaml')]);
  expect(good).toMatchObject({ exitCode: 0 });
  expect(good.stdout).toMatch(
    /v1\.yaml: fine\. 2 pipelines \(media, words\) with 5 steps\.|: fine\. 2 pipelines \(media, words\)/,
  );
  const bad = await runCommand(['pipelines', 'check', join(dir, 'bad.yml'), '--json']);
  expect(bad).toMatchObject({ exitCode: 1, stderr: '' });
  expect(JSON.parse(bad.stdout)).toMatchObject({ ok: false, problems: [{ line: 6 }] });
  const folder = await runCommand(['pipelines', 'check', dir]);
  expect(folder.stderr).toMatch(/There is a pipeline "words" already, in .*v1\.yaml/);
});

test('check and show take the settings that HOLDFAST_CONFIG names, as the server does', async () => {
  const config = join(dir, 'holdfast-settings.json');
  await writeFile(config, JSON.stringify({ chatUrl: 'http://127.0.0.1:1/v1', chatModel: 'tiny-model' }));
  const env = { HOLDFAST_CONFIG: config };
  const shown = await runCommand(['pipelines', 'show', join(dir, 'v1.yaml'), '--json'], { env });
  expect(shown.stdout).toContain('"chatModel": "tiny-model"');
  const gone = { HOLDFAST_CONFIG: join(dir, 'gone.json') };
  const refused = await runCommand(['pipelines', 'check', join(dir, 'v1.yaml')], { env: gone });
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('gone.json cannot be read') });
});

test('a server that processes nothing starts nothing', async () => {
  await using other = await RunningNode.start({ config: { pipelines: join(dir, 'v1.yaml') } });
  const refused = expectProblem(await other.json('POST', '/v1/pipelines/apply', {}), 403, 'forbidden');
  expect(refused.detail).toContain('switched off');
});
