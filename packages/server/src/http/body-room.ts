/**
 * How much of the bodies that come in is kept in memory: all of them share one room, so that what many senders cost does not grow with their
 * number until a batch is as small as one read of a socket. What lies in it counts as pressure on V8's heap as well, and makes it collect.
 */
const batchBytesMax = 1024 * 1024;
/** What one read of a socket brings at most. */
const batchBytesMin = 64 * 1024;
const roomBytes = 12 * 1024 * 1024;

export class BodyRoom {
  readonly #batchesEach: number;
  #bodies = 0;

  /** `batchesEach`: how many batches a body may have at a time, with the one that it gathers. */
  constructor(batchesEach: number) {
    this.#batchesEach = batchesEach;
  }

  /** A body begins; call what is returned when it is over. Calling it twice counts once. */
  enter(): () => void {
    this.#bodies += 1;
    let inside = true;
    return () => {
      if (inside) this.#bodies -= 1;
      inside = false;
    };
  }

  /** From how many bytes on a batch is handed on. */
  get batchBytes(): number {
    const share = roomBytes / (this.#batchesEach * Math.max(1, this.#bodies));
    return Math.min(batchBytesMax, Math.max(batchBytesMin, Math.floor(share)));
  }
}
