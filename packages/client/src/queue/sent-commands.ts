/** Commands to the tab that leads, until it says that they are done. They outlive it: the next one is told again. */
import { UploadError } from '../upload-error.ts';
import type { QueueError } from './queue-item.ts';
import type { CommandName, TabChannel } from './tab-channel.ts';

interface SentCommand {
  readonly name: CommandName;
  readonly id: string;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export class SentCommands {
  readonly #channel: TabChannel;
  readonly #newKey: () => string;
  readonly #pending = new Map<string, SentCommand>();
  #closed = false;

  constructor(channel: TabChannel, newKey: () => string) {
    this.#channel = channel;
    this.#newKey = newKey;
  }

  /** Resolves when the tab that leads has done it. @throws UploadError when that tab could not write it down, `cancelled` when this one closes first */
  send(name: CommandName, id: string): Promise<void> {
    if (this.#closed) return Promise.reject(unanswered());
    const key = this.#newKey();
    return new Promise((done, failed) => {
      this.#pending.set(key, { name, id, done, failed });
      this.#channel.post({ kind: 'command', key, name, id });
    });
  }

  /** A tab says what became of one; a page of an earlier version tells no error. */
  done(key: string, error: QueueError | null | undefined): void {
    const command = this.#pending.get(key);
    this.#pending.delete(key);
    if (error) command?.failed(new UploadError(error.message, error));
    else command?.done();
  }

  /** Another tab leads now. */
  sendAgain(): void {
    for (const [key, { name, id }] of this.#pending) this.#channel.post({ kind: 'command', key, name, id });
  }

  /** We lead now. */
  async takeOver(perform: (name: CommandName, id: string) => Promise<void>): Promise<void> {
    const commands = [...this.#pending.values()];
    this.#pending.clear();
    for (const { name, id, done, failed } of commands) await perform(name, id).then(done, failed);
  }

  /** Nobody hears answers any more. What was sent is obeyed by the tab that leads, if there is one. */
  close(): void {
    this.#closed = true;
    const commands = [...this.#pending.values()];
    this.#pending.clear();
    for (const { failed } of commands) failed(unanswered());
  }
}

function unanswered(): UploadError {
  const message = 'The queue was closed before the tab that sends had said that it is done.';
  return new UploadError(message, { type: 'validation', code: 'cancelled', retryable: true });
}
