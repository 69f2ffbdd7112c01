/** Waiting for something that the event log tells of. */
import type { Clock } from '../core/ports/clock.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';

type Events = Pick<UploadStore, 'onEvents'>;

/** What a dialect may know of time. */
export function timeOf(clock: Clock, store: Events) {
  return {
    now: () => clock.now(),
    until: (ended: () => Promise<boolean>, ms: number) => until(ended, ms, { clock, store }),
  };
}

/** Asks now and after every change of the log, until it is so or the time is over. Rejects when asking does. */
async function until(
  ended: () => Promise<boolean>,
  ms: number,
  parts: { readonly clock: Clock; readonly store: Events },
): Promise<void> {
  let over = false;
  let changed = true;
  let wake = () => {};
  const cancel = parts.clock.after(ms, () => {
    over = true;
    wake();
  });
  const unsubscribe = parts.store.onEvents(() => {
    changed = true;
    wake();
  });
  try {
    for (;;) {
      changed = false;
      if ((await ended()) || over) return;
      if (changed) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    unsubscribe();
    cancel();
  }
}
