import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readBootId } from './boot-id.ts';
import { siblingModule } from './sibling-module.ts';
import { systemClock } from './system-clock.ts';
import { uuidv7, uuidv7Source } from './uuidv7.ts';

test('uuidv7 has the layout of RFC 9562 and its own example time', () => {
  // Appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F
  const random = Buffer.from('00000000000004c398c4dc0c0c07398f', 'hex');
  const next = uuidv7Source({ now: () => 0x017f22e279b0, fill: (bytes) => random.copy(bytes) });
  expect(next()).toBe('017f22e2-79b0-74c3-98c4-dc0c0c07398f');
  expect(uuidv7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('uuidv7 rises strictly, also within a millisecond, past the counter and when the clock goes back', () => {
  let now = 1_000_000;
  const next = uuidv7Source({ now: () => now, fill: (bytes) => bytes.fill(0xff) });
  let last = '';
  for (let i = 0; i < 10_000; i += 1) {
    if (i === 5_000) now -= 500;
    const id = next();
    expect(id > last).toBe(true);
    last = id;
  }
});

test('boot id is read, and null when there is none', async () => {
  if (process.platform === 'linux') expect(await readBootId()).toMatch(/^[0-9a-f-]{36}$/);
  expect(await readBootId('/no/such/file')).toBeNull();
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-boot-'));
  writeFileSync(join(dir, 'id'), 'nonsense\n');
  expect(await readBootId(join(dir, 'id'))).toBeNull();
  rmSync(dir, { recursive: true });
});

test('sibling module keeps the extension of the one who asks', () => {
  expect(siblingModule('file:///a/b/pool.ts', 'worker').href).toBe('file:///a/b/worker.ts');
  expect(siblingModule('file:///a/b/pool.js', 'worker').href).toBe('file:///a/b/worker.js');
});

test('the system clock calls back once and can be cancelled', async () => {
  const called: string[] = [];
  const cancel = systemClock.after(1, () => called.push('cancelled'));
  cancel();
  const keepAlive = setInterval(() => {}, 1_000);
  await new Promise<void>((resolve) => {
    systemClock.after(5, () => {
      called.push('called');
      resolve();
    });
  });
  clearInterval(keepAlive);
  expect(called).toEqual(['called']);
  expect(systemClock.now()).toBeGreaterThan(1_700_000_000_000);
});

test('the system clock waits for longer than Node can', () => {
  vi.useFakeTimers();
  try {
    const called: string[] = [];
    const day = 86_400_000;
    systemClock.after(60 * day, () => called.push('60 days'));
    const cancel = systemClock.after(30 * day, () => called.push('30 days'));
    vi.advanceTimersByTime(29 * day);
    expect(called).toEqual([]);
    cancel();
    vi.advanceTimersByTime(31 * day - 1);
    expect(called).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(called).toEqual(['60 days']);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
