import type { Runtime } from '../runtime.ts';
import { sleep } from '../sleep.ts';
import type { StoredQueue } from './queue-store.ts';
import type { SwitchedStorage } from './storage-switch.ts';

const againMs = 2_000;

/** For the tab that has the right to lead: what cannot be read now is read again, because all others wait for it. @throws the signal's reason */
export async function loadPatiently(
  storage: SwitchedStorage,
  { owner, runtime, signal }: { readonly owner: string; readonly runtime: Runtime; readonly signal: AbortSignal },
): Promise<StoredQueue> {
  for (;;) {
    try {
      return await storage.use((store) => store.load(owner));
    } catch {
      await sleep(runtime, againMs, signal);
    }
  }
}
