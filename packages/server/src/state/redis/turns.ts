/** Decisions of this process on one upload, one after the other: only those of other processes can get in between. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs the work when all work that came before it for this upload has ended, however. */
  take<T>(uploadId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(uploadId);
    const turn = before === undefined ? work() : before.then(work, work);
    this.#last.set(uploadId, turn);
    const leave = (): void => {
      if (this.#last.get(uploadId) === turn) this.#last.delete(uploadId);
    };
    turn.then(leave, leave);
    return turn;
  }
}
