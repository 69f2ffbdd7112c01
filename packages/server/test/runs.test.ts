/** D4, D5: questions about runs and what can be done about them, over HTTP and from the command line, on the real pipeline. */
import type {
  AttemptList,
  Class,
  ClassList,
  DurationList,
  FailureGroupList,
  PlacedStepList,
  Retried,
  Run,
  RunList,
  RunSummary,
} from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand } from './command-line.ts';
import { EventReader } from './event-reader.ts';
import { expectProblem, RunningNode, sha256 } from './running-node.ts';

const keys = { ada: 'ada-has-a-long-key', bob: 'bob-has-a-long-key', root: 'root-has-a-long-key' };
let node: RunningNode;
let ada: RunningNode;
let bob: RunningNode;
let root: RunningNode;

beforeAll(async () => {
  const apiKeys = Object.entries(keys).map(([principal, key]) => ({ principal, sha256: sha256(Buffer.from(key)) }));
  node = await RunningNode.start({ config: { pipeline: true, apiKeys, admins: ['root'] } });
  [ada, bob, root] = [node.as(keys.ada), node.as(keys.bob), node.as(keys.root)];
});
afterAll(async () => {
  await node.close();
});

const slowly = { timeout: 20_000 };

const get = async <T>(of: RunningNode, path: string): Promise<T> => (await of.json<T>('GET', path)).body;
const post = <T>(of: RunningNode, path: string, body?: object) => of.json<T>('POST', path, body);

/** Something that calls itself a film and is none: the first step fails for good. */
async function brokenFilm(of: RunningNode, filename: string): Promise<Run> {
  const upload = await of.upload(Buffer.from(`${filename} is no film`.padEnd(100, '.')), {
    filename,
    contentType: 'video/mp4',
  });
  const { items } = await get<{ items: Run[] }>(of, `/v1/assets/${upload.assetId}/runs`);
  const [run] = items;
  if (run === undefined) throw new Error('no run');
  return run;
}

async function ended(of: RunningNode, id: string): Promise<Run> {
  await expect.poll(async () => (await get<Run>(of, `/v1/runs/${id}`)).state, { timeout: 20_000 }).not.toBe('running');
  return await get(of, `/v1/runs/${id}`);
}

const command = (of: keyof typeof keys, ...args: string[]) =>
  runCommand([...args, '--server', node.url, '--api-key', keys[of]]);

test('D5: what was processed, what failed and why, by whom it may be asked', async () => {
  const { id } = await brokenFilm(ada, 'talk.mp4');
  await brokenFilm(bob, 'other.mp4').then((run) => ended(bob, run.id));
  const run = await ended(ada, id);
  expect(run).toMatchObject({ state: 'failed', assetName: 'talk.mp4', cancelling: false });
  const broken = run.steps.find((step) => step.state === 'failed');
  expect(broken).toMatchObject({ name: 'probe', errorClass: 'permanent', attempt: 1 });

  const summary = await get<RunSummary>(ada, '/v1/runs/summary');
  expect(summary.items).toEqual([{ pipeline: 'media', state: 'failed', runs: 1, assets: 1, bytes: 100 }]);
  expect((await get<RunSummary>(root, '/v1/runs/summary')).items).toMatchObject([{ runs: 2, assets: 2, bytes: 200 }]);
  expect((await get<RunSummary>(root, '/v1/runs/summary?scope=own')).items).toEqual([]);
  const later = new Date(Date.now() + 1_000).toISOString();
  expect((await get<RunSummary>(ada, `/v1/runs/summary?since=${later}`)).items).toEqual([]);

  const names = async (of: RunningNode, query = '') =>
    (await get<RunList>(of, `/v1/runs${query}`)).items.map((one) => one.assetName);
  expect(await names(ada)).toEqual(['talk.mp4']);
  expect(await names(root, '?state=failed&pipeline=media')).toEqual(['other.mp4', 'talk.mp4']);
  expect(await names(root, '?state=cancelled')).toEqual([]);
  expect(await names(root, '?pipeline=none')).toEqual([]);
  expectProblem(await ada.json('GET', '/v1/runs?scope=all'), 403, 'forbidden');
  expectProblem(await ada.json('GET', '/v1/events?scope=all'), 403, 'forbidden');
  expectProblem(await ada.json('GET', '/v1/runs?state=done'), 400, 'invalid-request');

  const groups = (await get<FailureGroupList>(root, '/v1/steps/failures')).items;
  expect(groups.reduce((sum, group) => sum + group.count, 0)).toBe(2);
  expect(groups[0]).toMatchObject({ step: 'probe', errorClass: 'permanent', reason: broken?.reason });
  const failed = await get<PlacedStepList>(ada, '/v1/steps?state=failed&step=probe&errorClass=permanent');
  expect(failed.items).toMatchObject([{ assetName: 'talk.mp4', runId: id, pipeline: 'media', state: 'failed' }]);
  expect((await get<PlacedStepList>(ada, '/v1/steps?state=failed&reason=nothing%20like%20it')).items).toEqual([]);

  const attempts = (await get<AttemptList>(ada, `/v1/runs/${id}/attempts`)).items;
  expect(attempts).toMatchObject([{ step: 'probe', number: 1, state: 'failed', errorClass: 'permanent' }]);
  expect(attempts[0]?.stderr).toMatch(/talk\.mp4: Invalid data/);
  expect(attempts[0]?.stderr).not.toContain(node.dataDir);
  expect(attempts[0]?.exitCode).toBe(1);
  for (const path of [`/v1/runs/${id}`, `/v1/runs/${id}/attempts`])
    expectProblem(await bob.json('GET', path), 404, 'run-not-found');
  for (const path of [`/v1/steps/${broken?.key}`, `/v1/steps/${broken?.key}/attempts`, '/v1/steps/none'])
    expectProblem(await bob.json('GET', path), 404, 'step-not-found');
  expect((await get<AttemptList>(root, `/v1/steps/${broken?.key}/attempts`)).items).toHaveLength(1);
});

test('D5: how long steps take, from a step that succeeded', async () => {
  const wave = await ada.upload(tone(), { filename: 'tone.wav', contentType: 'audio/wav' });
  const [run] = (await get<{ items: Run[] }>(ada, `/v1/assets/${wave.assetId}/runs`)).items;
  await ended(ada, run?.id ?? '');
  const { items } = await get<DurationList>(ada, '/v1/steps/durations?step=probe');
  expect(items).toMatchObject([{ step: 'probe', count: 1 }]);
  expect(items[0]?.medianMs).toBeGreaterThan(0);
  expect(items[0]?.totalMs).toBe(items[0]?.maxMs);
  expect((await get<DurationList>(bob, '/v1/steps/durations')).items).toEqual([]);
});

test('D4: a class is paused by administrators, says why steps wait, and a waiting run can be cancelled and tried again', async () => {
  expectProblem(await post(ada, '/v1/classes/light/pause'), 403, 'forbidden');
  expectProblem(await post(root, '/v1/classes/lihgt/pause'), 404, 'class-not-found');
  expect((await post<Class>(root, '/v1/classes/light/pause')).body).toMatchObject({ paused: { by: 'root' }, limit: 2 });
  const { id } = await brokenFilm(ada, 'paused.mp4');
  const waiting = (await get<PlacedStepList>(ada, '/v1/steps?state=waiting')).items;
  const words = Object.fromEntries(waiting.map((step) => [step.name, step.waits]));
  expect(words['probe']).toMatchObject({ for: 'class-paused', words: expect.stringMatching(/class light is paused/) });
  expect(words['scan_video']).toMatchObject({ for: 'steps', words: 'waits for probe' });
  const classes = (await get<ClassList>(ada, '/v1/classes')).items;
  expect(classes.find((one) => one.name === 'light')).toMatchObject({ pending: 1, running: 0 });
  expect(classes.find((one) => one.name === 'media')).toMatchObject({ limit: 1, paused: null });

  expectProblem(await post(bob, `/v1/runs/${id}/cancel`), 404, 'run-not-found');
  const authorization = `Bearer ${keys.ada}`;
  const events = await EventReader.open(`${node.url}/v1/runs/${id}/events`, undefined, { authorization });
  const cancelled = await post<Run>(root, `/v1/runs/${id}/cancel`);
  expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelled', cancelling: false } });
  const { steps } = cancelled.body;
  expect(steps.filter((step) => step.state !== 'cancelled')).toEqual([]);
  const told = (await events.until((all) => all.some((event) => event.type === 'run.cancelled'))).map(
    (one) => one.type,
  );
  events.close();
  expect(told.slice(0, 2)).toEqual(['run.created', 'run.cancelling']);
  expect(told.filter((type) => type === 'step.cancelled')).toHaveLength(steps.length);

  expect((await post<Run>(ada, `/v1/runs/${id}/retry`)).body.state).toBe('running');
  const [first] = (await get<PlacedStepList>(ada, '/v1/steps?state=waiting')).items;
  expect((await post(ada, `/v1/steps/${first?.key}/cancel`)).body).toMatchObject({ state: 'cancelled' });
  expect((await ended(ada, id)).state).toBe('cancelled');
  expect((await post(ada, `/v1/steps/${first?.key}/retry`)).body).toMatchObject({ state: 'pending' });
  expect((await post<Class>(root, '/v1/classes/light/resume')).body).toMatchObject({ paused: null });
  expect((await ended(ada, id)).state).toBe('failed');
});

test('D4: failed steps are tried again by kind, and never by a forgotten field', async () => {
  expectProblem(await post(ada, '/v1/runs/retry', {}), 400, 'invalid-request');
  expectProblem(await post(ada, '/v1/runs/retry', { all: true, step: 'probe' }), 400, 'invalid-request');
  expectProblem(await post(ada, '/v1/runs/retry', { errorClass: 'bad luck' }), 400, 'invalid-request');
  expect((await post<Retried>(ada, '/v1/runs/retry', { errorClass: 'timeout' })).body).toEqual({ retried: 0 });
  expect((await post<Retried>(ada, '/v1/runs/retry', { step: 'probe' })).body).toEqual({ retried: 2 });
  await expect.poll(async () => (await get<RunList>(ada, '/v1/runs?state=running')).items, slowly).toEqual([]);
  expect((await post<Retried>(root, '/v1/runs/retry', { all: true })).body).toEqual({ retried: 3 });
  await expect.poll(async () => (await get<RunList>(root, '/v1/runs?state=running')).items, slowly).toEqual([]);
});

test('D5: the command line asks the same questions', async () => {
  const runs = await command('root', 'runs', '--since', '7d');
  expect(runs.stdout).toMatch(
    /^Since \d{4}-\d\d-\d\d \d\d:\d\d, 4 runs ended: 1 succeeded \(844 B\), 3 failed \(300 B\)\.\n/,
  );
  expect(runs.stdout).toMatch(/failed {5}media {5}(\d+)\/\1 .* talk\.mp4 .*probe: /);
  const listed = JSON.parse((await command('ada', 'runs', '--state', 'failed', '--json')).stdout) as RunList;
  expect(listed.items.map((run) => run.assetName)).toEqual(['paused.mp4', 'talk.mp4']);
  const [run] = listed.items;

  const shown = await command('ada', 'runs', 'show', run?.id ?? '');
  expect(shown.stdout).toMatch(/probe .*failed .* [0-9a-f]{64}/);
  expect(shown.stdout).toMatch(/probe, attempt \d on node-.*: failed \(permanent, exit code 1\).*\n {2}stderr\n {4}\S/);
  expect((await command('bob', 'runs', 'show', run?.id ?? '')).stderr).toMatch(/There is no run/);

  const failed = await command('root', 'steps', 'failed', '--error-class', 'permanent');
  expect(failed.stdout).toMatch(/^COUNT {2}STEP {3}CLASS .*\n3 +probe +permanent /);
  expect((await command('root', 'steps', 'times')).stdout).toMatch(/^STEP .*MEDIAN .*P95/);
  expect((await command('ada', 'steps')).stdout).toBe('Nothing runs.\n\nNothing waits.\n');
  const log = await command('ada', 'steps', 'log', run?.steps[0]?.key ?? '');
  expect(log.stdout.match(/attempt \d+ on/g)?.length).toBeGreaterThan(1);

  expect((await command('root', 'classes')).stdout).toMatch(/^CLASS +LIMIT .*\nlight +2 /);
  expect((await command('root', 'classes', 'pause', 'media')).stdout).toMatch(/by root, 20/);
  expect((await command('root', 'classes', 'resume', 'media')).stdout).not.toMatch(/by root/);
  expect(await command('ada', 'classes', 'pause', 'media')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/administrators/),
  });

  expect(await command('ada', 'runs', 'retry')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/Say what to do again/),
  });
  expect(await command('ada', 'runs', '--since', 'soon')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/"soon" is no time/),
  });
  expect((await command('ada', 'runs', 'retry', '--reason', 'no such reason')).stdout).toBe('Nothing to do again.\n');
  expect((await command('ada', 'runs', 'retry', run?.id ?? '')).stdout).toMatch(/goes on/);
  await ended(ada, run?.id ?? '');
  expect((await command('ada', 'runs', 'cancel', run?.id ?? '')).stdout).toMatch(/had failed already/);
});

/** A tenth of a second of a square wave: PCM, mono, 8 kHz, 8 bits. */
function tone(): Buffer {
  const samples = Buffer.alloc(800).map((_, i) => (i % 20 < 10 ? 160 : 96));
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8_000, 24);
  header.writeUInt32LE(8_000, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}

test('who has the same content as somebody else is told the name that they gave it, and no other', async () => {
  const content = Buffer.from('the same for both, and no film'.padEnd(100, '.'));
  const sent = async (of: RunningNode, filename: string) =>
    await of.upload(content, { filename, contentType: 'video/mp4' });
  const { assetId } = await sent(ada, 'hers.mp4');
  const [first] = (await get<{ items: Run[] }>(ada, `/v1/assets/${assetId}/runs`)).items;
  const run = await ended(ada, first?.id ?? '');
  await sent(bob, 'his.mp4');
  const key = run.steps.find((step) => step.state === 'failed')?.key;
  const one = [`/v1/runs/${run.id}`, `/v1/steps/${key}`];
  const lists = ['/v1/runs', '/v1/steps?state=failed', `/v1/assets/${assetId}/runs`];
  for (const [who, name] of [
    [ada, 'hers.mp4'],
    [bob, 'his.mp4'],
  ] as const) {
    for (const path of one)
      expect([path, await get(who, path)]).toEqual([path, expect.objectContaining({ assetName: name })]);
    for (const path of lists) {
      const { items } = await get<RunList | PlacedStepList>(who, path);
      const names = items.filter((item) => item.assetId === assetId).map((item) => item.assetName);
      expect([path, names]).toEqual([path, [name]]);
    }
  }
  expect(await get(root, `/v1/runs/${run.id}`)).toMatchObject({ assetName: 'his.mp4' });
});
