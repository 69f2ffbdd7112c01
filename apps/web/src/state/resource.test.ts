import { expect, it } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { createResource, loadedOf } from './resource.ts';

function setup(load: () => Promise<number>) {
  const timers: (() => void)[] = [];
  const mistakes: unknown[] = [];
  const resource = createResource(load, {
    intervalMs: 1,
    setTimer(run) {
      timers.push(run);
      return () => timers.splice(timers.indexOf(run), 1);
    },
    report: (error) => mistakes.push(error),
  });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { resource, timers, mistakes, settle };
}

it('loads once for many changes that come while it loads', async () => {
  let loads = 0;
  const { resource, timers, settle } = setup(async () => {
    loads += 1;
    return loads;
  });
  const stop = resource.start();
  resource.reload();
  resource.reload();
  await settle();
  expect(resource.getSnapshot()).toEqual({ state: 'ready', value: 1 });
  timers.shift()?.();
  await settle();
  expect(resource.getSnapshot()).toEqual({ state: 'ready', value: 2 });
  timers.shift()?.();
  await settle();
  expect(loads).toBe(2);
  stop();
});

it('keeps what it has when a later load fails', async () => {
  let loads = 0;
  const { resource, timers, settle } = setup(async () => {
    loads += 1;
    if (loads !== 2) throw new ApiError('unreachable', 'away');
    return loads;
  });
  resource.start();
  await settle();
  expect(resource.getSnapshot().state).toBe('failed');
  for (let i = 0; i < 2; i += 1) {
    timers.shift()?.();
    resource.reload();
    await settle();
  }
  expect(loads).toBe(3);
  expect(resource.getSnapshot()).toEqual({ state: 'ready', value: 2 });
});

it('loads again what could not be had, and nothing else, when the server is back', async () => {
  let loads = 0;
  const { resource, timers, settle } = setup(async () => {
    loads += 1;
    if (loads === 1) throw new ApiError('unreachable', 'away');
    return loads;
  });
  resource.start();
  resource.retry();
  await settle();
  expect(resource.getSnapshot().state).toBe('failed');
  resource.retry();
  for (let i = 0; i < 3; i += 1) {
    timers.shift()?.();
    await settle();
    resource.retry();
  }
  expect(resource.getSnapshot()).toEqual({ state: 'ready', value: 2 });
  expect(loads).toBe(2);
});

it('goes on after a mistake of ours, which is not shown as the server’s', async () => {
  const mistake = new TypeError('value is undefined');
  let loads = 0;
  const { resource, timers, mistakes, settle } = setup(async () => {
    loads += 1;
    if (loads === 1) throw mistake;
    return loads;
  });
  resource.start();
  await settle();
  expect(resource.getSnapshot()).toEqual({ state: 'loading' });
  expect(mistakes).toEqual([mistake]);
  timers.shift()?.();
  resource.reload();
  await settle();
  expect(resource.getSnapshot()).toEqual({ state: 'ready', value: 2 });
});

it('takes a failure for a result where somebody looks again and again', async () => {
  const away = new ApiError('unreachable', 'away');
  expect(await loadedOf(Promise.resolve(1))).toEqual({ state: 'ready', value: 1 });
  expect(await loadedOf(Promise.reject(away))).toEqual({ state: 'failed', error: away });
  await expect(loadedOf(Promise.reject(new TypeError('ours')))).rejects.toThrow('ours');
});

it('says nothing after it was stopped and can be started again', async () => {
  const { resource, settle } = setup(async () => 1);
  resource.start()();
  resource.reload();
  await settle();
  expect(resource.getSnapshot().state).toBe('loading');
  resource.start();
  await settle();
  expect(resource.getSnapshot().state).toBe('ready');
});

it('lets go of what the server says is not there any more, and not for the 404 of a proxy', async () => {
  const answers = [
    async () => 1,
    () => Promise.reject(new ApiError('not-found', 'nothing here', { status: 404 })),
    () => Promise.reject(new ApiError('not-found', 'gone', { status: 404, code: 'asset-not-found' })),
  ];
  const { resource, timers, settle } = setup(() => (answers.shift() ?? (async () => 0))());
  resource.start();
  await settle();
  timers.shift()?.();
  resource.reload();
  await settle();
  expect(resource.getSnapshot()).toEqual({ state: 'ready', value: 1 });
  timers.shift()?.();
  resource.reload();
  await settle();
  expect(resource.getSnapshot()).toMatchObject({ state: 'failed', error: { code: 'asset-not-found' } });
});
