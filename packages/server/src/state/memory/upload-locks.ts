/** Locks within one process. The newest request waits for the holder; one that already waited gives way to it. */
import type { Clock } from '../../core/ports/clock.ts';
import type { LockWish, UploadLock, UploadLocks } from '../../core/ports/upload-locks.ts';

type Outcome = 'granted' | 'busy' | 'superseded';

interface Place {
  /** Asks the holder, once. */
  ask: () => void;
  /** Ends the wait of the one that comes next. */
  next: ((outcome: Outcome) => void) | null;
}

export class MemoryUploadLocks implements UploadLocks {
  readonly #clock: Clock;
  /** Uploads that are held. */
  readonly #places = new Map<string, Place>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async acquire(uploadId: string, wish: LockWish): Promise<UploadLock | 'busy' | 'superseded'> {
    const place = this.#places.get(uploadId);
    if (place === undefined) this.#places.set(uploadId, { ask: once(wish.letGo), next: null });
    else {
      const outcome = await this.#wait(place, wish);
      if (outcome !== 'granted') return outcome;
    }
    const handOver = once(() => this.#handOver(uploadId));
    const release = async () => handOver();
    return { forced: false, isValid: () => true, release, forfeit: release };
  }

  #wait(place: Place, wish: LockWish): Promise<Outcome> {
    place.next?.('superseded');
    return new Promise((resolve) => {
      const end = (outcome: Outcome) => {
        cancel();
        place.next = null;
        // From here on it is the holder that others ask.
        if (outcome === 'granted') place.ask = once(wish.letGo);
        resolve(outcome);
      };
      const cancel = this.#clock.after(wish.waitMs, () => end('busy'));
      place.next = end;
      place.ask();
    });
  }

  #handOver(uploadId: string): void {
    const place = this.#places.get(uploadId);
    if (place?.next) place.next('granted');
    else this.#places.delete(uploadId);
  }
}

function once(callback: () => void): () => void {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    callback();
  };
}
