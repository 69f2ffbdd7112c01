import { beforeEach, expect, test } from 'vitest';
import { settle, VirtualRuntime } from '../test/virtual-runtime.ts';
import { ServerGate } from './server-gate.ts';
import { UploadError } from './upload-error.ts';

const never = new AbortController().signal;
const error = (retryAfterMs?: number) =>
  new UploadError('away', { type: 'network', code: 'unreachable', retryable: true, retryAfterMs });

let runtime: VirtualRuntime;
let gate: ServerGate;

beforeEach(() => {
  runtime = new VirtualRuntime();
  runtime.randomValue = 1;
  gate = new ServerGate({ runtime, giveUpAfterMs: 60_000 });
});

/** How long `pass` takes. */
async function passes(): Promise<() => number | null> {
  const from = runtime.now();
  let at: number | null = null;
  void gate.pass(never).then(() => {
    at = runtime.now() - from;
  });
  await settle();
  return () => at;
}

test('closes for longer with each failure in a row, and opens by itself', async () => {
  for (const ms of [1_000, 2_000, 4_000]) {
    gate.failed(error(), 'unreachable', runtime.now());
    const passed = await passes();
    expect(gate.waiting).toEqual({ reason: 'unreachable', until: runtime.now() + ms });
    await runtime.advance(ms - 1);
    expect(passed()).toBeNull();
    await runtime.advance(1);
    expect(passed()).toBe(ms);
    expect(gate.waiting).toBeNull();
  }
  gate.succeeded(runtime.now());
  gate.failed(error(), 'unreachable', runtime.now());
  expect(gate.waiting?.until).toBe(runtime.now() + 1_000);
});

test('requests that were under way together count as one failure', async () => {
  const startedAt = runtime.now();
  await runtime.advance(10);
  for (let i = 0; i < 4; i += 1) gate.failed(error(), 'unreachable', startedAt);
  expect(gate.waiting?.until).toBe(runtime.now() + 1_000);
});

test('waits as long as the server asks', () => {
  gate.failed(error(7_000), 'busy', runtime.now());
  expect(gate.waiting).toEqual({ reason: 'busy', until: runtime.now() + 8_000 });
});

test('a success that began after the failure opens it, but not against the server’s wish', async () => {
  gate.failed(error(), 'unreachable', runtime.now());
  gate.succeeded(runtime.now() + 1);
  expect(gate.waiting).toBeNull();
  gate.failed(error(7_000), 'busy', runtime.now());
  gate.succeeded(runtime.now() + 1);
  expect(gate.waiting?.reason).toBe('busy');
});

test('offline closes it, online opens it at once; a browser that is wrong about it only delays', async () => {
  runtime.online = false;
  gate.connectivityChanged();
  const passed = await passes();
  expect(gate.waiting?.reason).toBe('offline');
  runtime.online = true;
  gate.connectivityChanged();
  await settle();
  expect(passed()).toBe(0);
  runtime.online = false;
  gate.connectivityChanged();
  const lying = await passes();
  await runtime.advance(30_000);
  expect(lying()).toBe(30_000);
});

test('says when it is hopeless, and leaves nothing behind when aborted', async () => {
  expect(gate.failed(error(), 'unreachable', runtime.now())).toBe(true);
  await runtime.advance(60_000);
  expect(gate.failed(error(), 'unreachable', runtime.now())).toBe(false);
  const controller = new AbortController();
  gate.failed(error(60_000), 'busy', runtime.now());
  gate.succeeded(0);
  gate.failed(error(60_000), 'busy', runtime.now());
  const passing = gate.pass(controller.signal);
  controller.abort(new Error('enough'));
  await expect(passing).rejects.toThrow('enough');
  expect(runtime.pendingTimers).toBe(0);
});

test('a machine that slept, or a clock that was set forward, does not make it hopeless; time that passes does', async () => {
  const patient = new ServerGate({ runtime, giveUpAfterMs: 3_600_000 });
  expect(patient.failed(error(), 'unreachable', runtime.now())).toBe(true);
  runtime.setClock(8 * 3_600_000);
  expect(patient.failed(error(), 'unreachable', runtime.now())).toBe(true);
  for (let minutes = 0; minutes < 44; minutes += 1) {
    await runtime.advance(60_000);
    expect(patient.failed(error(), 'unreachable', runtime.now())).toBe(true);
  }
  await runtime.advance(60_000);
  expect(patient.failed(error(), 'unreachable', runtime.now())).toBe(false);
});

test('a clock that was set back keeps it closed as long again at most, and does not keep it open either', async () => {
  gate.failed(error(), 'unreachable', runtime.now());
  const passed = await passes();
  runtime.setClock(-3_600_000);
  await runtime.advance(2_000);
  expect(gate.waiting).toBeNull();
  expect(passed()).not.toBeNull();
  for (const ms of [2_000, 4_000]) {
    gate.failed(error(), 'unreachable', runtime.now());
    expect(gate.waiting).toEqual({ reason: 'unreachable', until: runtime.now() + ms });
    await runtime.advance(ms);
    expect(gate.waiting).toBeNull();
  }
});
