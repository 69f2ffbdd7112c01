/**
 * From Redis to the ledger's database. The script that makes a decision appends to a stream what the ledger has to hear of it; from there
 * it goes over in order, and is removed once it has arrived. A crash in between delivers it again, which the inbox allows. Every
 * process does this, and everybody who is about to read what is over there does it first.
 */

import type { Clock } from '../../core/ports/clock.ts';
import type { Handover, LedgerInbox } from '../../core/ports/ledger-inbox.ts';
import type { Log } from '../../core/ports/log.ts';
import { JointTask } from '../../platform/joint-task.ts';
import type { Keys } from './keys.ts';
import type { RedisLink } from './link.ts';

/** Handovers that are read at a time. */
const batch = 200;
/** Events in one transaction, about: PostgreSQL's have 4,096 numbers in each, those of the runs that are started included. */
const eventsMax = 1_500;
/** How often it is looked for what another process left. */
const roundMs = 1_000;

export interface OutboxParts {
  readonly link: RedisLink;
  readonly keys: Keys;
  readonly inbox: LedgerInbox;
  readonly clock: Clock;
  readonly log: Log;
}

export class Outbox {
  readonly #parts: OutboxParts;
  readonly #delivery = new JointTask(() => this.#deliver());
  #cancelRound: (() => void) | null = null;
  #failing = false;
  #stopped = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Delivers what was left there, and goes on looking. */
  start(): void {
    this.#round();
  }

  /** Resolves when everything that was in the outbox at this call has arrived. */
  flush(): Promise<void> {
    return this.#delivery.run();
  }

  /** As `flush`, but what cannot be delivered now is left to the next round. */
  async tryFlush(): Promise<void> {
    try {
      await this.flush();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing && !this.#stopped)
        this.#parts.log.warn({ err: error }, 'the ledger cannot be told what happened to uploads; trying again');
      this.#failing = true;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRound?.();
    await this.tryFlush();
  }

  #round(): void {
    if (this.#stopped) return;
    void this.tryFlush().then(() => {
      if (!this.#stopped) this.#cancelRound = this.#parts.clock.after(roundMs, () => this.#round());
    });
  }

  async #deliver(): Promise<void> {
    const { link, keys, inbox } = this.#parts;
    for (;;) {
      const entries = await link.run((client) => client.xrange(keys.outbox, '-', '+', 'COUNT', batch));
      const all = entries.map(([, fields]) => JSON.parse(fields[1] ?? '') as Handover);
      const some = portion(all);
      const last = entries[some.length - 1];
      if (last === undefined) return;
      await inbox.take(some);
      const [ms = '', nth = ''] = last[0].split('-');
      await link.run((client) => client.xtrim(keys.outbox, 'MINID', '=', `${ms}-${Number(nth) + 1}`));
      if (entries.length < batch && some.length === entries.length) return;
    }
  }
}

/** As many as fit into one transaction, and at least one. */
function portion(handovers: readonly Handover[]): readonly Handover[] {
  let events = 0;
  const end = handovers.findIndex((one, i) => {
    events += weight(one);
    return i > 0 && events > eventsMax;
  });
  return end === -1 ? handovers : handovers.slice(0, end);
}

/** Its events, and those that each run has when it starts: one, and one for each step that cannot start at all. */
function weight({ events, publications }: Handover): number {
  const runs = publications.flatMap((publication) => publication.runs);
  return events.length + runs.reduce((sum, run) => sum + 2 + run.steps.length, 0);
}
