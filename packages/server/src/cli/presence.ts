/**
 * A node shows the others that it lives, under its name, and learns from that what it may not do: two living nodes of one name, a clock that
 * is far from the database's (leases are reckoned on the clocks of nodes), going on after another process has taken its name.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { HoldfastError } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Log } from '../core/ports/log.ts';
import type { NodeFacts, NodeRegistry, Presence as Shown } from '../core/ports/node-registry.ts';
import type { NodePlace } from './node-place.ts';

/** How long a node that is gone keeps its name, where nobody can tell that it is gone. */
const goodForMsDefault = 15_000;
const lookMs = 250;
/** Leases are 15 s and more, and renewed at a third of that. */
const skewMsMax = 5_000;
const skewMsNoted = 1_000;

export interface PresenceOptions {
  readonly nodes: NodeRegistry;
  readonly place: Pick<NodePlace, 'holder' | 'process' | 'dir'>;
  readonly role: string;
  readonly version: string;
  readonly bootId: string | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly goodForMs?: number;
  /** Another process has this node's name now: this one has to end. Called once. */
  onLost(error: HoldfastError): void;
}

/** Left in the node's place by the process that had it last. */
interface Left {
  readonly process: string;
  readonly bootId: string;
}

export class Presence {
  readonly #options: PresenceOptions;
  readonly #facts: NodeFacts;
  readonly #goodForMs: number;
  #skewMs = 0;
  #stopped = false;
  #cancel: () => void = () => {};
  #showing: Promise<void> = Promise.resolve();

  private constructor(options: PresenceOptions) {
    const { place, role, version } = options;
    this.#options = options;
    this.#goodForMs = options.goodForMs ?? goodForMsDefault;
    this.#facts = { name: place.holder, process: place.process, host: hostname(), pid: process.pid, role, version };
  }

  /** Resolves when the name is this process's. Rejects with `unavailable` when a living node has it, or the clock is wrong. */
  static async begin(options: PresenceOptions): Promise<Presence> {
    const presence = new Presence(options);
    await presence.#enter();
    presence.#later();
    return presence;
  }

  /** By how much this machine's clock is ahead of the database's, in milliseconds, as far as that could be seen. */
  get skewMs(): number {
    return this.#skewMs;
  }

  /** Gives the name up. */
  async end(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#showing;
    await this.#options.nodes.leave(this.#facts);
  }

  async #enter(): Promise<void> {
    const { nodes, place, bootId, clock, log } = this.#options;
    const dead = await processKnownDead(place.dir, bootId);
    let seenAt: number | null = null;
    for (;;) {
      const shown = await this.#show(dead);
      if (shown.kind === 'present') break;
      const { by, freeInMs } = shown;
      if (by !== null && seenAt !== null && by.seenAt > seenAt) throw alive(by);
      if (seenAt === null && by !== null)
        log.info(
          { name: by.name, host: by.host, pid: by.pid },
          'a node of this name was here a moment ago; waiting whether it lives',
        );
      seenAt = by?.seenAt ?? seenAt;
      await new Promise<void>((resolve) => clock.after(Math.min(lookMs, freeInMs + 1), resolve));
    }
    if (Math.abs(this.#skewMs) > skewMsMax) {
      await nodes.leave(this.#facts);
      throw new HoldfastError(
        'unavailable',
        `The clock of this machine is ${Math.round(Math.abs(this.#skewMs) / 1000)} s ${this.#skewMs > 0 ? 'ahead of' : 'behind'} the database's. Nodes that work together need clocks that agree: set up NTP.`,
      );
    }
    if (bootId !== null) await leave(place.dir, { process: place.process, bootId });
  }

  async #show(dead: string | null): Promise<Shown> {
    const { nodes, clock } = this.#options;
    const asked = clock.now();
    const shown = await nodes.show(this.#facts, this.#goodForMs, dead);
    const answered = clock.now();
    if (shown.kind !== 'present') return shown;
    // The database read its clock between the two; what cannot be told apart from the way there and back does not count.
    const { now } = shown;
    this.#skewMs = now < asked ? asked - now : now > answered ? answered - now : 0;
    return shown;
  }

  #later(): void {
    this.#cancel = this.#options.clock.after(this.#goodForMs / 3, () => {
      this.#showing = this.#again();
    });
  }

  async #again(): Promise<void> {
    const { log, onLost } = this.#options;
    try {
      const shown = await this.#show(null);
      if (this.#stopped) return;
      if (shown.kind === 'taken' && shown.by !== null) {
        this.#stopped = true;
        return onLost(alive(shown.by));
      }
      if (Math.abs(this.#skewMs) > skewMsNoted)
        log.warn({ skewMs: this.#skewMs }, 'the clock of this machine differs from the database’s');
    } catch (error) {
      log.warn({ err: error }, 'could not tell the database that this node lives; trying again');
    }
    if (!this.#stopped) this.#later();
  }
}

function alive(by: NodeFacts): HoldfastError {
  return new HoldfastError(
    'unavailable',
    `Another node has the name "${by.name}": process ${by.pid} on ${by.host}. Names are for one living node each: set another with --node-name, or HOLDFAST_NODE_NAME.`,
  );
}

const fileName = 'process.json';

/** What the process that has or had this place last wrote; null: nothing that can be read. */
export async function processIn(dir: string): Promise<Left | null> {
  try {
    const { process, bootId } = JSON.parse(await readFile(join(dir, fileName), 'utf8')) as Partial<Left>;
    return typeof process === 'string' && typeof bootId === 'string' ? { process, bootId } : null;
  } catch {
    return null;
  }
}

/** It has ended, if it ran on this boot of this machine: its lock on the place is gone. */
async function processKnownDead(dir: string, bootId: string | null): Promise<string | null> {
  const left = await processIn(dir);
  return left !== null && left.bootId === bootId ? left.process : null;
}

async function leave(dir: string, left: Left): Promise<void> {
  const path = join(dir, fileName);
  await writeFile(`${path}.new`, `${JSON.stringify(left)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
