import type { Artifact, LogEvent, Run, Step } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import {
  concernsAsset,
  currentArtifacts,
  isAllSkipped,
  keyframes,
  mediaKind,
  outputText,
  processingOf,
  quickLook,
  stepTitle,
} from './asset-view.ts';

function step(name: string, state: Step['state'], change: Partial<Step> = {}): Step {
  return {
    key: name,
    name,
    version: '1',
    state,
    attempt: 1,
    attemptsMax: 3,
    progress: 0,
    output: null,
    reason: null,
    startedAt: null,
    finishedAt: null,
    ...change,
  };
}

function run(id: string, state: Run['state'], steps: Step[]): Run {
  const createdAt = `2026-11-2${id}T00:00:00Z`;
  return { id, assetId: 'a', pipeline: 'media', pipelineVersion: '1', state, steps, createdAt, finishedAt: null };
}

it('counts what is done and how far the running step is', () => {
  const steps = [step('probe', 'succeeded'), step('scan_video', 'running', { progress: 0.5 }), step('x', 'blocked')];
  expect(processingOf([run('1', 'running', steps)])).toEqual({
    state: 'running',
    fraction: 0.5,
    step: 'Watch and listen',
  });
});

it('speaks of the newest run', () => {
  const old = run('1', 'failed', [step('probe', 'failed', { reason: 'no moov atom' })]);
  const fresh = run('2', 'succeeded', [step('probe', 'succeeded'), step('transcribe', 'skipped')]);
  expect(processingOf([fresh, old])).toEqual({ state: 'done', skipped: 1 });
  expect(processingOf([old])).toEqual({ state: 'failed', step: 'Open the file', reason: 'no moov atom' });
  expect(processingOf([])).toEqual({ state: 'none' });
  const lacking = run('3', 'succeeded', [step('probe', 'skipped', { reason: 'no ffmpeg' }), step('x', 'skipped')]);
  expect(processingOf([fresh, lacking])).toEqual({ state: 'skipped', reason: 'no ffmpeg' });
  expect([fresh, lacking, old, run('4', 'succeeded', [])].map(isAllSkipped)).toEqual([false, true, false, false]);
});

it('takes the newest text that a step put out', () => {
  const steps = (logline: string | null) => [step('logline_generator', 'succeeded', { output: { logline } })];
  const runs = [
    run('1', 'succeeded', steps('old')),
    run('3', 'failed', steps(null)),
    run('2', 'succeeded', steps(' new ')),
  ];
  expect(outputText(runs, 'logline')).toBe('new');
  expect(outputText([], 'logline')).toBeNull();
});

it('orders the pictures as the film does', () => {
  const artifact = (name: string, contentType = 'image/jpeg') => ({ name, contentType }) as Artifact;
  const all = ['shot-0010.jpg', 'shot-0009.jpg', 'shot-10000.jpg', 'cover.jpg'].map((name) => artifact(name));
  const names = keyframes([...all, artifact('shot.json', 'application/json')]).map((one) => one.name);
  expect(names).toEqual(['shot-0009.jpg', 'shot-0010.jpg', 'shot-10000.jpg']);
});

it('tells whether an event is about an asset', () => {
  const event = (change: Partial<LogEvent>) => ({ subject: 'run', subjectId: '9', data: {}, ...change }) as LogEvent;
  const runs = [run('1', 'running', [])];
  expect(concernsAsset(event({ subjectId: '1' }), 'a', runs)).toBe(true);
  expect(concernsAsset(event({ data: { assetId: 'a' } }), 'a', runs)).toBe(true);
  expect(concernsAsset(event({}), 'a', runs)).toBe(false);
  expect(concernsAsset(event({ subject: 'upload', subjectId: '1' }), 'a', runs)).toBe(false);
});

it('has words for steps and kinds', () => {
  expect(stepTitle('my_own-step')).toBe('My own step');
  expect(mediaKind({ contentType: 'audio/ogg; codecs=opus' })).toBe('audio');
  expect(mediaKind({ contentType: 'application/pdf' })).toBe('other');
});

it('D3: takes what the newest run made, and what it has not made again yet from the one before', () => {
  const artifact = (name: string, stepKey: string) => ({ step: name, stepKey, name: `${name}.json` }) as Artifact;
  const old = run('1', 'succeeded', [
    step('scan', 'succeeded', { key: 's1' }),
    step('say', 'succeeded', { key: 'y1' }),
  ]);
  const fresh = run('2', 'running', [step('scan', 'succeeded', { key: 's2' }), step('say', 'running', { key: 'y2' })]);
  const all = [artifact('scan', 's2'), artifact('scan', 's1'), artifact('say', 'y1'), artifact('', 'gone')];
  expect(currentArtifacts([fresh, old], all).map(({ stepKey }) => stepKey)).toEqual(['s2', 'y1', 'gone']);
});

it('has the first pictures with their times, and the one to show', () => {
  const output = {
    pictures: [
      { name: 'quick-0001.jpg', time: 0 },
      { name: 'quick-0002.jpg', time: 3 },
      { name: 'lost.jpg', time: 4 },
    ],
  };
  const artifacts = [1, 2].map((n) => ({ step: 'quick_look', name: `quick-000${n}.jpg`, url: `/${n}` }) as Artifact);
  const runs = (more: object) => [
    run('1', 'running', [step('quick_look', 'succeeded', { output: { ...output, ...more } })]),
  ];
  const pictures = [
    { time: 0, url: '/1' },
    { time: 3, url: '/2' },
  ];
  expect(quickLook(runs({ poster: 'quick-0002.jpg' }), artifacts)).toEqual({ pictures, posterUrl: '/2' });
  expect(quickLook(runs({ poster: null }), artifacts)).toEqual({ pictures, posterUrl: '/1' });
  expect(quickLook([], artifacts)).toEqual({ pictures: [], posterUrl: null });
});
