/** Commands to the tab that leads, until it says that they are done. They outlive it: the next one is told again. */
import type { CommandName, TabChannel } from './tab-channel.ts';

interface SentCommand {
  readonly name: CommandName;
  readonly id: string;
  readonly done: () => void;
}

export class SentCommands {
  readonly #channel: TabChannel;
  readonly #newKey: () => string;
  readonly #pending = new Map<string, SentCommand>();

  constructor(channel: TabChannel, newKey: () => string) {
    this.#channel = channel;
    this.#newKey = newKey;
  }

  /** Resolves when the tab that leads has done it. */
  send(name: CommandName, id: string): Promise<void> {
    const key = this.#newKey();
    return new Promise((done) => {
      this.#pending.set(key, { name, id, done });
      this.#channel.post({ kind: 'command', key, name, id });
    });
  }

  done(key: string): void {
    this.#pending.get(key)?.done();
    this.#pending.delete(key);
  }

  /** Another tab leads now. */
  sendAgain(): void {
    for (const [key, { name, id }] of this.#pending) this.#channel.post({ kind: 'command', key, name, id });
  }

  /** We lead now. */
  async takeOver(perform: (name: CommandName, id: string) => Promise<void>): Promise<void> {
    const commands = [...this.#pending.values()];
    this.#pending.clear();
    for (const { name, id, done } of commands) await perform(name, id).finally(done);
  }
}
