/**
 * D2–D4: killed at every crash point of every step: what was done is not done again, the broken step is, within 5 s, and each step
 * succeeds exactly once.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Artifact, LogEvent, Run, Step, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { EventReader } from '../../packages/server/test/event-reader.ts';
import { ServerProcess } from './server-process.ts';
import { Api, NoAnswer, sha256 } from './upload-driver.ts';

/** Steps that succeed on the clip; several run at once. */
const stepNames = [
  'probe',
  'quick_look',
  'waveform',
  'scan_video',
  'contact_sheet',
  'storyboard',
  'extract_speech',
  'detect_speech',
  'summarize_scene',
  'logline_generator',
];
const points = ['step:after-claim', 'step:after-run', 'step:after-publish', 'step:after-commit'];
/** Every step at one point or another, and one that makes many files at each. */
const cases = stepNames.flatMap((step, i) =>
  points.filter((_, at) => step === 'scan_video' || at === i % points.length).map((point) => ({ point, step })),
);
/** The promise after a restart. */
const againMs = 5_000;

let dir: string;
let clip: Buffer;
let server: ServerProcess;
let api: Api;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-steps-'));
  clip = await film('clip.mp4', 2);
  server = await ServerProcess.start({
    args: ['--durability', 'committed'],
    env: { HOLDFAST_RESERVE_MB: '0', HOLDFAST_SPEECH_ENGINE: 'none', HOLDFAST_TEXT_ENGINE: 'none' },
  });
  api = new Api(() => server.url);
});
afterAll(async () => {
  api.close();
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

it.each(cases)('D4: killed at $point of $step', async ({ point, step }) => {
  await server.restart({ HOLDFAST_TEST_CRASH_AT: `${point}@${step}` });
  const bytes = variant(clip, `${point} ${step}`);
  await send(bytes).catch((error: unknown) => {
    // Small films are processed so fast that the process may be dead before the upload's last answer.
    if (!(error instanceof NoAnswer)) throw error;
  });
  expect(await server.exit).toMatchObject({ signal: 'SIGKILL' });
  await server.run();
  const again = await checkRecovery(sha256(bytes), { listening: Date.now() });
  expect(again.includes(step), 'done again unless its result was recorded').toBe(point !== 'step:after-commit');
});

test('D4: killed in the middle of a media tool: nothing of it stays, the step runs again', async () => {
  await server.restart();
  const bytes = await film('long.mp4', 40, '640x360');
  const stream = await EventReader.open(`${server.url}/v1/events`);
  await send(bytes);
  await stream.until(
    (events) =>
      events.some(
        (e) =>
          e.type === 'step.started' &&
          e.data.data['step'] === 'scan_video' &&
          e.data.data['attempt'] === 1 &&
          !done(
            events.map((x) => x.data),
            e.data,
          ),
      ),
    10_000,
  );
  await sleep(150);
  const killed = server.pid;
  await server.kill();
  stream.close();
  await server.run();
  const again = await checkRecovery(sha256(bytes), { listening: Date.now() });
  expect(again).toContain('scan_video');
  await expect.poll(() => processesOn(server.dataDir), { timeout: 5_000 }).toEqual([server.pid]);
  expect(server.pid).not.toBe(killed);
  expect(
    await readdir(join(server.dataDir, 'scratch')).then((names) => names.filter((n) => !n.startsWith('.'))),
  ).toEqual([]);
});

test('D2: the same content again is not processed again', async () => {
  const bytes = variant(clip, `${points[0]} ${stepNames[0]}`);
  const before = await runOf(sha256(bytes));
  await send(bytes);
  await sleep(500);
  const { body } = await api.json<{ items: Run[] }>('GET', `/v1/assets/${sha256(bytes)}/runs`);
  expect(body.items).toEqual([before]);
});

interface Broken {
  /** When the server listened again. */
  readonly listening: number;
}

/** What was recorded before the crash stays; what was not is done again, at once, and succeeds once. Resolves to the steps done again. */
async function checkRecovery(assetId: string, { listening }: Broken): Promise<string[]> {
  const run = await untilEnded(assetId);
  expect(run.state).toBe('succeeded');
  const { body } = await api.json<{ items: LogEvent[] }>('GET', `/v1/runs/${run.id}/events?limit=1000`);
  expect(body.items.map((e) => e.seq)).toEqual(body.items.map((_e, i) => i + 1));
  expect(body.items.filter((e) => e.type === 'run.succeeded')).toHaveLength(1);
  const again: string[] = [];
  for (const name of stepNames) {
    expect(eventsOf(body.items, 'step.succeeded', name), `${name} succeeded once`).toHaveLength(1);
    const starts = eventsOf(body.items, 'step.started', name);
    const [succeeded] = eventsOf(body.items, 'step.succeeded', name);
    expect(starts.length, `${name} started once, or once again after the crash`).toBeLessThanOrEqual(2);
    expect(run.steps.find((step) => step.name === name)?.attempt).toBe(starts.length);
    const second = starts[1];
    if (!second) continue;
    again.push(name);
    // The steps of one class take turns, so only the first of them starts at once.
    expect(succeeded?.seq, `${name} was not done when it started again`).toBeGreaterThan(second.seq);
  }
  const seconds = again.map((name) => Date.parse(eventsOf(body.items, 'step.started', name)[1]?.at ?? ''));
  if (seconds.length > 0)
    expect(Math.min(...seconds) - listening, 'milliseconds from the restart to the second start').toBeLessThan(againMs);
  await checkArtifacts(assetId, run.steps);
  return again;
}

/** Every recorded artifact is there, whole, once. */
async function checkArtifacts(assetId: string, steps: readonly Step[]): Promise<void> {
  const { body } = await api.json<{ items: Artifact[] }>('GET', `/v1/assets/${assetId}/artifacts`);
  const names = body.items.map((a) => a.name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(
    expect.arrayContaining([
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

function eventsOf(events: readonly LogEvent[], type: string, step: string): LogEvent[] {
  return events.filter((e) => e.type === type && e.data['step'] === step);
}

function done(events: readonly LogEvent[], started: LogEvent): boolean {
  return eventsOf(events, 'step.succeeded', String(started.data['step'])).some(
    (e) => e.data['key'] === started.data['key'],
  );
}

async function send(bytes: Buffer): Promise<void> {
  const { body: upload } = await api.json<Upload>('POST', '/v1/uploads', { filename: 'clip.mp4', size: bytes.length });
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

/** The same film with other bytes: an MP4 may end with a `free` box (ISO 14496-12 §8.1.2). */
function variant(bytes: Buffer, text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + payload.length, 0);
  head.write('free', 4);
  return Buffer.concat([bytes, head, payload]);
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
