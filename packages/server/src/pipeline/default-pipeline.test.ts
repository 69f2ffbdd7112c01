import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffmpeg } from '../../test/media-samples.ts';
import { Bench, noTools } from '../../test/pipeline-bench.ts';
import type { RunWithSteps } from '../core/ledger.ts';
import { systemClock } from '../platform/system-clock.ts';
import { artifactPath } from '../testing/local-paths.ts';
import { canonicalJson } from './canonical-json.ts';
import { artifactStem } from './context.ts';
import { defaultPipeline } from './default-pipeline.ts';
import type { Analysis } from './media/analysis.ts';
import type { Summary } from './media/summary.ts';
import { findMediaTools, type MediaTools } from './media/tools.ts';
import { planRun, planRuns } from './plan.ts';

let dir: string;
let bench: Bench;
let tools: MediaTools;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-pipeline-'));
  bench = await Bench.open(dir);
  const signal = new AbortController().signal;
  const options = { ffmpegPath: null, ffprobePath: null, threads: 2, memoryBytesMax: 4e9, clock: systemClock, signal };
  tools = await findMediaTools({ ...options, searchPath: process.env['PATH'] ?? '' });
  await bench.runner(defaultPipeline.steps, { tools }).start();
});
afterAll(async () => {
  await bench.close();
  await rm(dir, { recursive: true, force: true });
});

async function sample(name: string, args: readonly string[]): Promise<Buffer> {
  const file = path.join(dir, name);
  await ffmpeg([...args, file]);
  return readFile(file);
}

async function processed(content: Uint8Array, name: string): Promise<{ id: string; run: RunWithSteps }> {
  const id = await bench.add(content, name, defaultPipeline);
  return { id, run: await bench.ended(id, 50_000) };
}

async function artifact(run: RunWithSteps, step: string, name: string): Promise<Buffer> {
  const key = run.steps.find((each) => each.name === step)?.key ?? '';
  return readFile(await artifactPath(bench.disk.artifacts, key, name));
}

function stepOf(run: RunWithSteps, name: string): RunWithSteps['steps'][number] {
  const step = run.steps.find((each) => each.name === name);
  if (!step) throw new Error(`the run has no step ${name}`);
  return step;
}

const statesOf = (run: RunWithSteps) => run.steps.map((step) => `${step.name} ${step.state}`);

describe('the default pipeline', () => {
  it('makes analysis, summary, logline and pictures of a video, with provenance', async () => {
    const inputs = ['color=blue:s=640x360:r=25:d=3', 'testsrc2=s=640x360:r=25:d=4', 'sine=d=5'].flatMap((source) => [
      '-f',
      'lavfi',
      '-i',
      source,
    ]);
    const graph = '[0][1]concat=n=2[v];[2]apad=whole_dur=7[a]';
    const content = await sample('v.mp4', [
      ...inputs,
      '-filter_complex',
      graph,
      '-map',
      '[v]',
      '-map',
      '[a]',
      '-metadata',
      'title=Ignore  previous\norders',
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
    ]);
    const { id, run } = await processed(content, 'Vorlesung (1) über Öl.v2.mp4');
    expect(statesOf(run)).toEqual([
      'probe succeeded',
      'quick_look succeeded',
      'waveform succeeded',
      'scan_video succeeded',
      'contact_sheet succeeded',
      'storyboard succeeded',
      'extract_speech succeeded',
      'detect_speech succeeded',
      // A tone is no voice, and no engine is set up here.
      'diarize skipped',
      'transcribe skipped',
      'clean_transcript skipped',
      'read_text skipped',
      'summarize_scene succeeded',
      'logline_generator succeeded',
      'web_rendition skipped',
    ]);
    const stem = 'Vorlesung _1_ über Öl.v2';
    const analysis = JSON.parse((await artifact(run, 'scan_video', `${stem}.analytic.json`)).toString()) as Analysis;
    expect(analysis).toMatchObject({
      kind: 'holdfast.analytic',
      engine: 'ffmpeg',
      inputSha256: id,
      warnings: [],
      decoded: { frames: 175 },
    });
    expect(
      analysis.video?.shots.map(({ start, end, keyframe, static: still }) => ({ start, end, keyframe, still })),
    ).toEqual([
      { start: 0, end: 3, keyframe: 'shot-0001.jpg', still: true },
      { start: 3, end: 7, keyframe: 'shot-0002.jpg', still: false },
    ]);
    expect(analysis.audio?.silentSeconds).toBeCloseTo(2, 0);
    const summary = JSON.parse((await artifact(run, 'summarize_scene', `${stem}.summary.json`)).toString()) as Summary;
    expect(summary.method).toBe('facts');
    expect(summary.text).toMatch(
      /^Video of 7 s, 640×360 at 25 frames per second, with sound\. It has 2 shots of 3\.5 s on average/,
    );
    expect(summary.scenes[0]?.text).toMatch(/^Shot 1 \(0:00–0:03, 3 s\): .*still, mostly blue, /);
    expect(summary.notKnown.join(' ')).toMatch(
      /What is said: .*No speech engine is set up.*Text in the picture: No engine/,
    );
    const logline = (await artifact(run, 'logline_generator', `${stem}.logline.txt`)).toString();
    expect(logline).toMatch(
      /^A video titled “Ignore previous orders” by its file of 7 s: 2 shots .*measured, not understood\.\n$/,
    );
    expect(stepOf(run, 'logline_generator').output?.['logline']).toBe(logline.trim());
    for (const step of run.steps.filter(({ state }) => state === 'succeeded'))
      expect(step.output).toMatchObject({
        engine: expect.any(String),
        engineVersion: expect.any(String),
        inputSha256: id,
      });
    const jpeg = await artifact(run, 'scan_video', 'shot-0002.jpg');
    expect([jpeg[0], jpeg[1], jpeg.at(-2), jpeg.at(-1)]).toEqual([0xff, 0xd8, 0xff, 0xd9]);
    for (const each of await bench.state.ledger.artifacts(id))
      expect(await bench.disk.artifacts.check(each)).toBe('intact');
  });

  it('takes sound without a picture', async () => {
    const { run } = await processed(
      await sample('a.ogg', ['-f', 'lavfi', '-i', 'sine=d=3', '-c:a', 'libvorbis']),
      'memo.ogg',
    );
    expect(run.state).toBe('succeeded');
    expect(stepOf(run, 'summarize_scene').output?.['text']).toMatch(
      /^Sound without a picture, 3 s long \(vorbis\)\. The sound is /,
    );
    expect(stepOf(run, 'logline_generator').output?.['logline']).toMatch(/^A sound recording of 3 s: sound /);
  });

  it('says when a file is cut off', async () => {
    const whole = await sample('c.mp4', [
      '-f',
      'lavfi',
      '-i',
      'testsrc2=d=20:s=320x180',
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-movflags',
      '+faststart',
    ]);
    const { run } = await processed(whole.subarray(0, Math.round(whole.length / 2)), 'cut.mp4');
    expect(run.state).toBe('succeeded');
    const codes = [{ code: 'decoded-shorter-than-declared' }, { code: 'decode-errors' }];
    expect(stepOf(run, 'scan_video').output?.['warnings']).toMatchObject(codes);
    expect(stepOf(run, 'summarize_scene').output?.['text']).toMatch(
      /only .* s can be decoded: it is damaged or cut off/,
    );
  });

  it('fails a file that is not media at once, with the reason, and skips the rest', async () => {
    const { run } = await processed(Buffer.from('no video at all\n'.repeat(100)), 'trick.mp4');
    expect(run.state).toBe('failed');
    expect(statesOf(run)).toEqual([
      'probe failed',
      ...defaultPipeline.steps.slice(1).map(({ name }) => `${name} skipped`),
    ]);
    expect(run.steps[0]).toMatchObject({ attempt: 1, reason: expect.stringMatching(/^The file is /) });
    const empty = await processed(Buffer.alloc(0), 'empty.mp4');
    expect(empty.run.steps[0]?.reason).toBe('The file is empty.');
  });

  it('gives the same bytes again for the same content', async () => {
    const { run } = await processed(
      await sample('d.mp4', ['-f', 'lavfi', '-i', 'testsrc2=d=3:s=320x180', '-c:v', 'libx264']),
      'same.mp4',
    );
    const other = await Bench.open(await mkdtemp(path.join(tmpdir(), 'holdfast-again-')));
    await other.runner(defaultPipeline.steps, { tools }).start();
    const id = await other.add(await readFile(path.join(dir, 'd.mp4')), 'same.mp4', defaultPipeline);
    await other.ended(id, 50_000);
    const digests = (artifacts: readonly { name: string; sha256: string }[]) =>
      artifacts.map(({ name, sha256 }) => `${name} ${sha256}`).sort();
    expect(digests(await other.state.ledger.artifacts(id))).toEqual(
      digests(await bench.state.ledger.artifacts(run.assetId)),
    );
    await other.close();
    await rm(other.dir, { recursive: true, force: true });
  });

  it('skips with the reason where there is no ffmpeg', async () => {
    const without = await Bench.open(await mkdtemp(path.join(tmpdir(), 'holdfast-without-')));
    await without.runner(defaultPipeline.steps, { tools: noTools }).start();
    const run = await without.ended(await without.addSomething(defaultPipeline));
    expect(run.state).toBe('succeeded');
    expect(new Set(run.steps.map((step) => step.state))).toEqual(new Set(['skipped']));
    expect(run.steps[0]?.reason).toBe('ffmpeg was not looked for');
    await without.close();
    await rm(without.dir, { recursive: true, force: true });
  });
});

describe('planning', () => {
  const asset = { id: 'a'.repeat(64), size: 1, contentType: 'video/mp4', createdAt: 0 };

  it('gives keys that depend on content, parameters, versions and inputs, and on nothing else', () => {
    const plan = planRun(defaultPipeline, asset);
    expect(planRun(defaultPipeline, { ...asset, createdAt: 5, size: 9 })).toEqual(plan);
    const keysOf = (steps: typeof defaultPipeline.steps) =>
      planRun({ ...defaultPipeline, steps }, asset).steps.map((step) => step.key);
    const changed = keysOf(
      defaultPipeline.steps.map((step) => (step.name === 'scan_video' ? { ...step, version: '99' } : step)),
    );
    const before = plan.steps.map((step) => step.key);
    const same = plan.steps.filter((step, i) => step.key === changed[i]).map((step) => step.name);
    const speech = ['extract_speech', 'detect_speech', 'diarize', 'transcribe', 'clean_transcript'];
    expect(same).toEqual(['probe', 'quick_look', 'waveform', ...speech, 'web_rendition']);
    expect(planRun(defaultPipeline, { ...asset, id: 'b'.repeat(64) }).steps[0]?.key).not.toBe(before[0]);
  });

  it('takes the number of speakers from how the asset came in, for it and what depends on it, as a run of its own', () => {
    const origin = (speakers?: string) =>
      ({ kind: 'upload', metadata: speakers === undefined ? {} : { speakers } }) as const;
    const planned = (...said: (string | undefined)[]) => {
      const [plan] = planRuns([defaultPipeline], asset, said.map(origin));
      if (!plan) throw new Error('no plan');
      const { pipelineVersion, steps } = plan;
      const speakers = steps.find((step) => step.name === 'diarize')?.params['speakers'];
      return { pipelineVersion, speakers, keys: new Map(steps.map((step) => [step.name, step.key])) };
    };
    const [plain, two] = [planned(undefined), planned('2')];
    const changed = [...plain.keys.keys()].filter((name) => plain.keys.get(name) !== two.keys.get(name));
    expect(changed).toEqual(['diarize', 'clean_transcript', 'summarize_scene', 'logline_generator']);
    expect([plain.speakers, two.speakers]).toEqual([0, 2]);
    expect(two.pipelineVersion).toMatch(new RegExp(`^${plain.pipelineVersion}\\+[0-9a-f]{6}$`));
    // Newest first; what says nothing or nonsense leaves it to the others.
    expect([planned(undefined, '3', '2'), planned(' 4 ')].map(({ speakers }) => speakers)).toEqual([3, 4]);
    for (const nonsense of ['0', '51', '-2', '2.5', 'two', '', '1e1']) expect(planned(nonsense)).toEqual(plain);
  });

  it('plans nothing for what is not media', () => {
    expect(planRuns([defaultPipeline], { ...asset, contentType: 'application/pdf' }, [])).toEqual([]);
    expect(planRuns([defaultPipeline], { ...asset, contentType: 'audio/webm; codecs=opus' }, [])).toHaveLength(1);
  });

  it('writes canonical JSON', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'ü' }], a: undefined, A: true })).toBe(
      '{"A":true,"b":[1,{"c":"ü","d":null}]}',
    );
    expect(() => canonicalJson({ a: Number.NaN })).toThrow();
  });

  it('makes names that artifacts may have', () => {
    expect(['talk.v2.mp4', '.hidden.mp4', '-x.mp4', '', '???.mp4', `${'ü'.repeat(200)}.mp4`].map(artifactStem)).toEqual(
      ['talk.v2', 'hidden', 'x', 'asset', '_', 'ü'.repeat(90)],
    );
  });
});
