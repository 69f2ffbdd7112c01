/** C14: a tab that is to lead while the store fails for a moment. */
import { afterEach, expect, it, vi } from 'vitest';
import { defaultRuntime } from '../runtime.ts';
import { loadPatiently } from './load-patiently.ts';
import { createMemoryStore } from './memory-store.ts';
import type { SwitchedStorage } from './storage-switch.ts';
import { tabLocks } from './tab-locks.ts';

afterEach(() => vi.unstubAllGlobals());

/** Fails once. */
function shakyStorage(): SwitchedStorage {
  const store = createMemoryStore();
  let failures = 1;
  return {
    use: async (work) => {
      failures -= 1;
      if (failures >= 0) throw new DOMException('No room.', 'QuotaExceededError');
      return await work(store);
    },
    close: () => {},
  };
}

const runtime = {
  ...defaultRuntime(),
  after: (_ms: number, callback: () => void) => {
    const timer = setTimeout(callback, 1);
    return () => clearTimeout(timer);
  },
};

it('reads again what it could not read: all others wait for it', async () => {
  const { signal } = new AbortController();
  const stored = await loadPatiently(shakyStorage(), { owner: 'ana', runtime, signal });
  expect(stored).toMatchObject({ rows: [], tally: { owner: 'ana' } });
  const closed = loadPatiently(shakyStorage(), { owner: 'ana', runtime, signal: AbortSignal.abort() });
  await expect(closed).rejects.toMatchObject({ name: 'AbortError' });
});

it('without Web Locks, asks again for a lease that could not be written', async () => {
  vi.stubGlobal('navigator', {});
  const stop = new AbortController();
  const locks = tabLocks({ scope: 'queue', storage: shakyStorage(), runtime, tabId: 'one' });
  await locks.lead(stop.signal, () => {});
  stop.abort();
});
