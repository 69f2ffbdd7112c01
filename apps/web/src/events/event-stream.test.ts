import type { LogEvent } from '@holdfast/protocol';
import { expect, it } from 'vitest';
import { createEventStream, type Source } from './event-stream.ts';

class FakeSource implements Source {
  readyState = 0;
  readonly url: string;
  closed = false;
  private readonly listeners = new Map<string, (event: Event) => void>();
  constructor(url: string) {
    this.url = url;
  }
  addEventListener(type: string, listener: (event: Event) => void) {
    this.listeners.set(type, listener);
  }
  close() {
    this.closed = true;
  }
  fire(type: string, data?: string) {
    this.listeners.get(type)?.(Object.assign(new Event(type), data === undefined ? {} : { data }));
  }
  send(id: number, type = 'progress') {
    const event: Partial<LogEvent> = { id, type, subject: 'upload', subjectId: 'u1' };
    this.fire(type, JSON.stringify(event));
  }
}

function setup({ newestId = async () => 0 }: { newestId?: () => Promise<number> } = {}) {
  const sources: FakeSource[] = [];
  const timers: { run: () => void; ms: number; cancelled: boolean }[] = [];
  let givenUp = 0;
  const stream = createEventStream({
    open(url) {
      const source = new FakeSource(url);
      sources.push(source);
      return source;
    },
    newestId,
    setTimer(run, ms) {
      const timer = { run, ms, cancelled: false };
      timers.push(timer);
      return () => {
        timer.cancelled = true;
      };
    },
    onGivenUp: () => {
      givenUp += 1;
    },
  });
  const seen: number[] = [];
  stream.listen((event) => seen.push(event.id));
  const source = (index: number) => {
    const found = sources[index];
    if (found === undefined) throw new Error(`no source ${index}`);
    return found;
  };
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return { stream, sources, source, timers, seen, settle, givenUp: () => givenUp };
}

it('has one connection for all its users and closes it with the last', async () => {
  const { stream, sources, source, settle } = setup();
  const first = stream.use();
  const second = stream.use();
  await settle();
  expect(sources).toHaveLength(1);
  first();
  first();
  expect(source(0).closed).toBe(false);
  second();
  expect(source(0).closed).toBe(true);
  expect(stream.connection.getSnapshot()).toBe('closed');
});

it('gives every event once, also when the server repeats some', async () => {
  const { stream, source, seen, settle } = setup();
  stream.use();
  await settle();
  source(0).fire('open');
  source(0).send(1);
  source(0).send(2, 'completed');
  source(0).send(2, 'completed');
  source(0).fire('progress', '{"broken');
  source(0).fire('progress', '[]');
  source(0).send(3);
  expect(seen).toEqual([1, 2, 3]);
});

it('lets the browser reconnect after a broken connection', async () => {
  const { stream, sources, source, timers, settle } = setup();
  stream.use();
  await settle();
  source(0).fire('open');
  source(0).fire('error');
  expect(stream.connection.getSnapshot()).toBe('lost');
  expect(timers).toHaveLength(0);
  source(0).fire('open');
  expect(stream.connection.getSnapshot()).toBe('open');
  expect(sources).toHaveLength(1);
});

it('goes on after the last event with a new source when the browser gave up, waiting longer each time', async () => {
  const { stream, source, timers, givenUp, settle } = setup();
  const stop = stream.use();
  await settle();
  source(0).send(41);
  for (const [index, ms] of [1000, 2000, 4000, 8000, 15_000, 15_000].entries()) {
    source(index).readyState = 2;
    source(index).fire('error');
    expect(timers[index]?.ms).toBe(ms);
    timers[index]?.run();
  }
  expect(source(6).url).toBe('/v1/events?after=41');
  expect(givenUp()).toBe(6);
  source(6).readyState = 2;
  source(6).fire('error');
  stop();
  expect(timers[6]?.cancelled).toBe(true);
});

it('starts where the log ends, not at its beginning, and again when the server could not say', async () => {
  const answers = [() => Promise.reject(new Error('away')), async () => 1000];
  const { stream, sources, source, timers, settle } = setup({
    newestId: () => answers.shift()?.() ?? Promise.resolve(0),
  });
  stream.use();
  await settle();
  expect(sources).toHaveLength(0);
  expect(stream.connection.getSnapshot()).toBe('lost');
  timers[0]?.run();
  await settle();
  expect(source(0).url).toBe('/v1/events?after=1000');
});

it('does not connect any more when everybody has left while the server was asked', async () => {
  const { stream, sources, settle } = setup();
  stream.use()();
  await settle();
  expect(sources).toHaveLength(0);
});
