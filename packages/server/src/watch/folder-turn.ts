/**
 * Whose turn it is to look after a folder, among the nodes that share a database: one at a time, by a lease that is renewed at a third of its
 * time. A node whose lease has run out (it stood still, the database was away) does nothing more in the folder until it has it again, and
 * another one has it by then.
 *
 * waiting ⇄ leading → stopped.
 */
import type { Clock } from '../core/ports/clock.ts';
import type { Leases } from '../core/ports/node-registry.ts';
import type { Uptime } from '../core/ports/uptime.ts';

const goodForMsDefault = 15_000;

export interface TurnParts {
  readonly leases: Leases;
  /** This process, and the name of its node. */
  readonly holder: { readonly process: string; readonly node: string };
  readonly clock: Clock;
  readonly uptime: Uptime;
  readonly goodForMs?: number;
}

export interface TurnListener {
  /** It is this node's turn from now on. */
  begin(): void;
  /** It is not any more; another node may be at it already. */
  end(): void;
  /** Somebody asked another node for a look at the folder. */
  wanted(): void;
}

export class FolderTurn {
  readonly #parts: TurnParts;
  readonly #name: string;
  readonly #listener: TurnListener;
  readonly #goodForMs: number;
  #leading = false;
  #validUntil = 0;
  #wanted: number | null = null;
  #stopped = false;
  #cancel: () => void = () => {};
  #asking: Promise<void> = Promise.resolve();

  constructor(folderId: string, parts: TurnParts, listener: TurnListener) {
    this.#parts = parts;
    this.#name = `folder ${folderId}`;
    this.#listener = listener;
    this.#goodForMs = parts.goodForMs ?? goodForMsDefault;
  }

  /** Whether this node may act in the folder at this moment. */
  get isMine(): boolean {
    return this.#leading && this.#parts.uptime.now() < this.#validUntil;
  }

  /** Resolves when it is known whose turn it is. */
  async start(): Promise<void> {
    this.#asking = this.#ask();
    await this.#asking;
  }

  /** The node whose turn it is; null: nobody's. */
  holder(): Promise<string | null> {
    return this.#parts.leases.holder(this.#name);
  }

  /** Asks the node whose turn it is for a look at the folder. */
  want(): Promise<void> {
    return this.#parts.leases.want(this.#name);
  }

  /** Gives the turn to another node. Call it when nothing acts in the folder any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#asking;
    this.#leading = false;
    // Where the database is away, the lease runs out by itself.
    await this.#parts.leases.release(this.#name, this.#parts.holder.process).catch(() => {});
  }

  async #ask(): Promise<void> {
    const { leases, holder, uptime, clock } = this.#parts;
    const asked = uptime.now();
    try {
      const lease = await leases.hold(this.#name, holder, this.#goodForMs);
      if (lease !== null) {
        this.#validUntil = asked + this.#goodForMs;
        this.#lead();
        if (this.#wanted !== null && lease.wanted !== this.#wanted) this.#listener.wanted();
        this.#wanted = lease.wanted;
      } else this.#follow();
    } catch {
      // The database is away: whoever leads may go on until its lease has run out.
      if (!this.isMine) this.#follow();
    }
    if (!this.#stopped)
      this.#cancel = clock.after(this.#goodForMs / 3, () => {
        this.#asking = this.#ask();
      });
  }

  #lead(): void {
    if (this.#leading || this.#stopped) return;
    this.#leading = true;
    this.#listener.begin();
  }

  #follow(): void {
    this.#wanted = null;
    if (!this.#leading) return;
    this.#leading = false;
    this.#listener.end();
  }
}
