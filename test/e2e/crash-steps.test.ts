/**
 * D2–D4: killed at crash points of every step: what was done is not done again, the broken step is, within 5 s, and each step
 * succeeds exactly once.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Artifact, LogEvent, Run, Step, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtInSteps } from '../../packages/server/src/pipeline/steps/registry.ts';
import { EventReader } from '../../packages/server/test/event-reader.ts';
import { makeLecture } from './asset-film.ts';
import { ServerProcess } from './server-process.ts';
import { Api, NoAnswer, sha256 } from './upload-driver.ts';

const points = ['step:after-claim', 'step:after-run', 'step:after-publish', 'step:after-commit'];
/** Every step that Holdfast has, and a program: one behind the other, so that each is the only one that is at work when the server dies. */
const stepNames = [...builtInSteps.map(({ name }) => name), 'program'];
/** Each step at one point or another; HOLDFAST_TEST_ALL=1 takes every step to every point. */
const cases = stepNames.flatMap((step, i) =>
  points
    .filter((_, at) => process.env['HOLDFAST_TEST_ALL'] === '1' || at === i % points.length)
    .map((point) => ({ point, step })),
);
/** The promise after a restart. */
const againMs = 5_000;

let dir: string;
let server: ServerProcess;
let api: Api;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-steps-'));
  await writeFile(join(dir, 'chain.yaml'), chain());
  server = await ServerProcess.start({
    args: ['--durability', 'committed', '--pipelines', join(dir, 'chain.yaml')],
    env: { HOLDFAST_RESERVE_MB: '0', HOLDFAST_TEXT_ENGINE: 'tesseract' },
  });
  api = new Api(() => server.url);
});
afterAll(async () => {
  api?.close();
  await server?.close();
  await rm(dir, { recursive: true, force: true });
});

function chain(): string {
  const patient = `retries: { attempts: ${points.length + 1} }`;
  const steps = builtInSteps.map(({ name, needs = [], wants = [] }, i) => {
    const before = stepNames[i - 1];
    // What a step wants it waits for as well.
    const all = before === undefined || wants.includes(before) ? needs : [...new Set([before, ...needs])];
    return `      - { name: ${name}, uses: ${name}, needs: [${all.join(', ')}], ${patient} }`;
  });
  const program = `      - { name: program, command: ["sh", "-c", "echo done"], version: 1, needs: [${builtInSteps.at(-1)?.name}], ${patient}, outputs: { words: { file: words.txt, type: text/plain, from: stdout } } }`;
  return [
    'default: false',
    'pipelines:',
    '  - name: chain',
    '    applies: { types: ["video/*"] }',
    '    steps:',
    ...steps,
    program,
    '',
  ].join('\n');
}

test(`D4: one film, the server killed ${cases.length} times, at crash points of every step: each succeeds once, at once after the restart`, {
  timeout: 900_000,
}, async () => {
  const bytes = await lecture();
  const assetId = sha256(bytes);
  const listening: number[] = [];
  for (const [i, { point, step }] of cases.entries()) {
    await server.restart({ HOLDFAST_TEST_CRASH_AT: `${point}@${step}` });
    listening.push(Date.now());
    if (i === 0)
      await send(bytes).catch((error: unknown) => {
        // The process may be dead before the upload's last answer.
        if (!(error instanceof NoAnswer)) throw error;
      });
    expect(await server.exit, `${point}@${step}`).toMatchObject({ signal: 'SIGKILL' });
  }
  await server.run();
  listening.push(Date.now());
  const run = await untilEnded(assetId);
  expect(run.state).toBe('succeeded');
  expect(run.steps.map(({ name, state }) => `${name} ${state}`).sort()).toEqual(
    stepNames.map((name) => `${name} succeeded`).sort(),
  );
  const { body } = await api.json<{ items: LogEvent[] }>('GET', `/v1/runs/${run.id}/events?limit=1000`);
  expect(body.items.map((e) => e.seq)).toEqual(body.items.map((_e, i) => i + 1));
  expect(eventsOf(body.items, 'run.succeeded')).toHaveLength(1);
  for (const name of stepNames) {
    expect(eventsOf(body.items, 'step.succeeded', name), `${name} succeeded once`).toHaveLength(1);
    // A kill before the result was recorded means one more start; one after it does not.
    const broken = cases.flatMap(({ point, step }, i) => (step === name && point !== 'step:after-commit' ? [i] : []));
    const starts = eventsOf(body.items, 'step.started', name);
    expect(starts, `starts of ${name}`).toHaveLength(1 + broken.length);
    // A death of the server is no attempt of the step.
    expect(run.steps.find((step) => step.name === name)?.attempt).toBe(1);
    for (const [n, life] of broken.entries()) {
      const late = Date.parse(starts[n + 1]?.at ?? '') - (listening[life + 1] ?? 0);
      expect(late, `milliseconds from the restart to the next start of ${name}`).toBeLessThan(againMs);
    }
  }
  await checkArtifacts(assetId, run.steps);
});

test('D4: killed in the middle of a media tool: nothing of it stays, the step runs again', async () => {
  await server.restart();
  const bytes = await film('long.mp4', 90, '640x360');
  const stream = await EventReader.open(`${server.url}/v1/events`);
  await send(bytes);
  await stream.until(
    (events) => events.some(({ data }) => data.type === 'step.started' && data.data['step'] === 'scan_video'),
    30_000,
  );
  await expect.poll(() => processesOn(server.dataDir), { timeout: 5_000, interval: 10 }).not.toEqual([server.pid]);
  const killed = server.pid;
  await server.kill();
  stream.close();
  await server.run();
  const run = await untilEnded(sha256(bytes));
  expect(run.steps.find(({ name }) => name === 'scan_video')).toMatchObject({ state: 'succeeded', attempt: 1 });
  await expect.poll(() => processesOn(server.dataDir), { timeout: 5_000 }).toEqual([server.pid]);
  expect(server.pid).not.toBe(killed);
  expect(
    await readdir(join(server.dataDir, 'scratch')).then((names) => names.filter((n) => !n.startsWith('.'))),
  ).toEqual([]);
});

test('D2: the same content again is not processed again', async () => {
  const bytes = await lecture();
  const before = await runOf(sha256(bytes));
  await send(bytes);
  await sleep(500);
  const { body } = await api.json<{ items: Run[] }>('GET', `/v1/assets/${sha256(bytes)}/runs`);
  expect(body.items).toEqual([before]);
});

/** Every recorded artifact is there, whole, once. */
async function checkArtifacts(assetId: string, steps: readonly Step[]): Promise<void> {
  const { body } = await api.json<{ items: Artifact[] }>('GET', `/v1/assets/${assetId}/artifacts`);
  const names = body.items.map((a) => a.name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(
    expect.arrayContaining([
      'words.txt',
      expect.stringMatching(/\.analytic\.json$/),
      expect.stringMatching(/\.summary\.json$/),
      expect.stringMatching(/\.logline\.txt$/),
    ]),
  );
  for (const artifact of body.items) {
    const bytes = await api.bytes(artifact.url);
    expect(sha256(bytes), artifact.name).toBe(artifact.sha256);
    expect(steps.some((s) => s.key === artifact.stepKey)).toBe(true);
  }
}

async function untilEnded(assetId: string): Promise<Run> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const run = await runOf(assetId);
    if (run.state !== 'running') return run;
    if (performance.now() > deadline)
      throw new Error(`The run did not end: ${JSON.stringify(run.steps.map((s) => [s.name, s.state]))}`);
    await sleep(30);
  }
}

async function runOf(assetId: string): Promise<Run> {
  const { body } = await api.json<{ items: Run[] }>('GET', `/v1/assets/${assetId}/runs`);
  const [run] = body.items;
  if (!run) throw new Error(`No run: ${JSON.stringify(body)}`);
  return run;
}

function eventsOf(events: readonly LogEvent[], type: string, step?: string): LogEvent[] {
  return events.filter((e) => e.type === type && (step === undefined || e.data['step'] === step));
}

async function send(bytes: Buffer): Promise<void> {
  const { body: upload } = await api.json<Upload>('POST', '/v1/uploads', {
    filename: 'clip.mkv',
    size: bytes.length,
    metadata: { speakers: '2' },
  });
  for (let i = 0; i < upload.totalChunks; i += 1)
    await api.put(
      `/v1/uploads/${upload.id}/chunks/${i}`,
      bytes.subarray(i * upload.chunkSize, (i + 1) * upload.chunkSize),
    );
  await api.json('POST', `/v1/uploads/${upload.id}/complete`);
}

async function film(name: string, seconds: number, size = '160x120'): Promise<Buffer> {
  const path = join(dir, name);
  const inputs = ['-f', 'lavfi', '-i', `testsrc=s=${size}:r=10:d=${seconds}`, '-f', 'lavfi', '-i', `sine=d=${seconds}`];
  const codecs = [
    '-pix_fmt',
    'yuv420p',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-c:a',
    'aac',
    '-movflags',
    '+faststart',
  ];
  await promisify(execFile)('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...inputs, ...codecs, path]);
  return await readFile(path);
}

/** Something for every step: shots, a slide with words, two voices, and a form that no browser plays. */
async function lecture(): Promise<Buffer> {
  const [there, path] = [join(dir, 'lecture.mp4'), join(dir, 'lecture.mkv')];
  if (!existsSync(path)) {
    await makeLecture(dir, 'lecture.mp4');
    const codecs = ['-c:v', 'mpeg2video', '-q:v', '6', '-vf', 'scale=426:240', '-c:a', 'mp2'];
    await promisify(execFile)('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', there, ...codecs, path]);
  }
  return await readFile(path);
}

/** Processes that have the folder in their command line. */
async function processesOn(folder: string): Promise<number[]> {
  const out: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(folder)) out.push(Number(name));
  }
  return out;
}
