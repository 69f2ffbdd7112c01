/**
 * How a process holds leases of rows that it shares with others: waits for them, knows until when they are surely its own, and renews them
 * while it holds any. A row of a process that died runs out; one that lives is never forced.
 *
 * | a lease is | begins | ends |
 * |---|---|---|
 * | asked for | `take` | granted; `busy` at the deadline; `superseded` when the wish is gone |
 * | held and valid | the row is this process's | dropped; its time is over by this process's clock; the database says that the row is somebody else's |
 * | held, not valid | as above, but for dropped | dropped. It never becomes valid again |
 *
 * Invariant: a lease is valid only at times at which no other process can have been granted its place. Its time is reckoned from before the
 * database was asked, by this process's clock: so it ends before the row does, whatever the two clocks say and however long the answer took.
 */
import type { Clock } from '../../core/ports/clock.ts';
import type { Lease, LeaseTable } from './lease-table.ts';

const pollMsMin = 10;
const pollMsMax = 100;

export interface LeaseKeeping<Place> {
  readonly clock: Clock;
  readonly table: LeaseTable<Place>;
  /** How long a lease outlives its process. It is renewed three times as often. */
  readonly goodForMs: number;
  /** What else is to be done while leases are held. */
  readonly chores: Chores;
}

export interface Chores {
  readonly everyMs: number;
  /** Whether there is something to do although nothing is held. */
  areLeft(): boolean;
  /** May reject: it is called again. */
  run(): Promise<void>;
}

export interface LeaseWish {
  /** By this process's clock. At least one attempt is made. */
  readonly deadline: number;
  /** Asked after each attempt that failed: whether a newer request of this process is to have the place. */
  isSuperseded(): boolean;
}

export interface Granted<Place> {
  readonly lease: Lease<Place>;
  /** The row was that of a process that let it run out. */
  readonly forced: boolean;
}

interface Held<Place> {
  readonly lease: Lease<Place>;
  /** By this process's clock: never later than what the row says. */
  validUntil: number;
}

export class LeaseKeeper<Place> {
  readonly #clock: Clock;
  readonly #table: LeaseTable<Place>;
  readonly #goodForMs: number;
  readonly #chores: Chores;
  readonly #lookMs: number;
  readonly #held = new Map<number, Held<Place>>();
  #grants = 0;
  #renewedAt = 0;
  #cancelLook: (() => void) | null = null;

  constructor({ clock, table, goodForMs, chores }: LeaseKeeping<Place>) {
    this.#clock = clock;
    this.#table = table;
    this.#goodForMs = goodForMs;
    this.#chores = chores;
    this.#lookMs = Math.min(chores.everyMs, goodForMs / 6);
  }

  /** Asks again and again until the place is this process's. For one request of this process at a time for each place. Rejects as the table does. */
  async take(place: Place, wish: LeaseWish): Promise<Granted<Place> | 'busy' | 'superseded'> {
    this.#grants += 1;
    const lease = { place, grant: this.#grants };
    for (let wait = pollMsMin; ; wait = Math.min(wait * 2, pollMsMax)) {
      const asked = this.#clock.now();
      const taken = await this.#table.take(lease, this.#goodForMs);
      if (taken !== 'held') {
        this.#keep(lease, asked);
        return { lease, forced: taken === 'forced' };
      }
      if (wish.isSuperseded()) return 'superseded';
      const left = wish.deadline - this.#clock.now();
      if (left <= 0) return 'busy';
      await new Promise<void>((resolve) => void this.#clock.after(Math.min(wait, left), resolve));
    }
  }

  /** False is final. */
  isValid({ grant }: Lease<Place>): boolean {
    return this.#clock.now() < (this.#held.get(grant)?.validUntil ?? 0);
  }

  /** Those that are held, valid or not. */
  get held(): readonly Lease<Place>[] {
    return [...this.#held.values()].map(({ lease }) => lease);
  }

  /** From here on the lease is not renewed, and not valid. Its row is left to the caller. Again: no effect. */
  drop({ grant }: Lease<Place>): void {
    this.#held.delete(grant);
    if (this.#held.size === 0 && !this.#chores.areLeft()) this.close();
  }

  /** Stops renewing. Leases that are still held run out by themselves. */
  close(): void {
    this.#cancelLook?.();
    this.#cancelLook = null;
  }

  #keep(lease: Lease<Place>, asked: number): void {
    this.#held.set(lease.grant, { lease, validUntil: asked + this.#goodForMs });
    if (this.#cancelLook !== null) return;
    // It is the only one: nothing is due before a third of its time is over.
    this.#renewedAt = asked;
    this.#cancelLook = this.#lookLater();
  }

  #lookLater(): () => void {
    return this.#clock.after(this.#lookMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const fired = this.#cancelLook;
    const isDue = this.#clock.now() - this.#renewedAt >= this.#goodForMs / 3;
    // A database that is away fails the writes that the leases are for as well; the next look may find it back, or they run out.
    if (isDue && this.#held.size > 0) await this.#renew().catch(() => {});
    await this.#chores.run().catch(() => {});
    // Meanwhile the last lease may have gone, and another one come with a timer of its own.
    if (this.#cancelLook !== fired) return;
    if (this.#held.size > 0 || this.#chores.areLeft()) this.#cancelLook = this.#lookLater();
    else this.#cancelLook = null;
  }

  /** Only what is held: a row that could not be removed would otherwise stand in the way for as long as this process lives. */
  async #renew(): Promise<void> {
    const all = [...this.#held.values()];
    const asked = this.#clock.now();
    const renewed = new Set(
      await this.#table.renew(
        all.map(({ lease }) => lease),
        this.#goodForMs,
      ),
    );
    const answered = this.#clock.now();
    this.#renewedAt = asked;
    for (const held of all) {
      // The row has gone: taken over, or lost with a database that lost its last moments.
      if (!renewed.has(held.lease.grant)) held.validUntil = 0;
      // One that has run out by our clock may have been somebody else's meanwhile.
      else if (answered < held.validUntil) held.validUntil = asked + this.#goodForMs;
    }
  }
}
