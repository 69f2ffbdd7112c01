/** B6, E1: whatever processes and database do, nobody trusts a lease that somebody else has been granted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LeaseRows } from '../../testing/lease-rows.ts';
import { overNetwork, type Passage, SimulatedProcess, World } from '../../testing/lease-world.ts';
import { instead } from '../../testing/stand-in.ts';
import { LeasedExtentClaims } from './leased-extent-claims.ts';
import { LeasedUploadLocks } from './leased-upload-locks.ts';

const processes = 3;
const uploads = ['a', 'b'];
const waitMs = 10_000;

interface Plan {
  readonly kind: 'locks' | 'claims';
  readonly skews: readonly number[];
  readonly requests: readonly {
    readonly at: number;
    readonly process: number;
    readonly upload: string;
    readonly holdMs: number;
    readonly isPolite: boolean;
    readonly end: 'release' | 'forfeit';
  }[];
  readonly stills: readonly { readonly at: number; readonly process: number; readonly forMs: number }[];
  readonly statements: readonly Passage[];
}

const calm = fc.record({
  thereMs: fc.integer({ min: 0, max: 30 }),
  backMs: fc.integer({ min: 0, max: 30 }),
  fate: fc.constant('answered' as const),
});
const rough = fc.record({
  thereMs: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 9_000 })),
  backMs: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 9_000 })),
  fate: fc.constantFrom(
    'answered' as const,
    'answered' as const,
    'answered' as const,
    'answer lost' as const,
    'away' as const,
  ),
});

function plans(statement: typeof calm | typeof rough, stills: number): fc.Arbitrary<Plan> {
  const process = fc.nat({ max: processes - 1 });
  return fc.record({
    kind: fc.constantFrom('locks', 'claims'),
    skews: fc.tuple(...Array.from({ length: processes }, () => fc.integer({ min: -60_000, max: 60_000 }))),
    requests: fc.array(
      fc.record({
        at: fc.nat({ max: 40_000 }),
        process,
        upload: fc.constantFrom(...uploads),
        holdMs: fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 25_000 })),
        isPolite: fc.boolean(),
        end: fc.constantFrom('release', 'release', 'release', 'forfeit'),
      }),
      { minLength: 2, maxLength: 14 },
    ),
    // One that is never heard of again has died.
    stills: fc.array(
      fc.record({ at: fc.nat({ max: 40_000 }), process, forMs: fc.oneof(fc.nat({ max: 30_000 }), fc.constant(1e9)) }),
      { maxLength: stills },
    ),
    statements: fc.array(statement, { minLength: 1, maxLength: 60 }),
  }) as fc.Arbitrary<Plan>;
}

/** What locks and claims have in common for who asks. */
interface Turn {
  readonly forced: boolean;
  isValid(): boolean;
  release(): Promise<void>;
  forfeit(): Promise<void>;
}

interface Granted {
  readonly turn: Turn;
  readonly upload: string;
  /** Has not ended in order, so that whoever comes next has to know. */
  open: boolean;
  /** Was seen invalid. */
  over: boolean;
}

type Breaking = (table: object, process: SimulatedProcess) => object;

/** Plays the plan. Throws when somebody is told something that is not so. */
class Play {
  readonly #world = new World();
  readonly #rows = new LeaseRows(() => this.#world.now);
  readonly #plan: Plan;
  readonly #processes: readonly SimulatedProcess[];
  readonly #acquire: readonly ((upload: string, letGo: () => void) => Promise<Turn | 'busy' | 'superseded'>)[];
  readonly #granted: Granted[] = [];
  readonly #newest = new Map<string, number>();
  readonly #failures: unknown[] = [];
  #statements = 0;
  forced = 0;

  constructor(plan: Plan, breaking: Breaking = (table) => table) {
    this.#plan = plan;
    this.#processes = plan.skews.map((skew) => new SimulatedProcess(this.#world, skew));
    const network = { world: this.#world, next: () => this.#statement() };
    this.#acquire = this.#processes.map((process, i) => {
      const name = `process ${i}`;
      if (plan.kind === 'claims') {
        const table = overNetwork(this.#rows.claims(name), process, network);
        const claims = new LeasedExtentClaims(breaking(table, process) as typeof table, { clock: process });
        return async (upload) => (await claims.acquire(upload, 0, waitMs)) ?? 'busy';
      }
      const table = overNetwork(this.#rows.locks(name), process, network);
      const locks = new LeasedUploadLocks(breaking(table, process) as typeof table, { clock: process });
      return (upload, letGo) => locks.acquire(upload, { waitMs, letGo });
    });
  }

  async run(): Promise<void> {
    const begin = this.#world.now;
    for (const { at, process, forMs } of this.#plan.stills)
      this.#world.at(begin + at, null, () => {
        const still = this.#process(process);
        still.stillUntil = Math.max(still.stillUntil, this.#world.now + forMs);
      });
    for (const request of this.#plan.requests)
      this.#world.at(begin + request.at, this.#process(request.process), () => {
        this.#request(request).catch((error: unknown) => this.#failures.push(error));
      });
    await this.#world.until(begin + 150_000, () => this.#check());
    await this.#comesToAnEnd();
  }

  #process(index: number): SimulatedProcess {
    const process = this.#processes[index];
    if (process === undefined) throw new Error('There is no such process.');
    return process;
  }

  /** Of the plan, as long as there are any; then the database does what it should. */
  #statement(): Passage {
    const next = this.#plan.statements[this.#statements];
    this.#statements += 1;
    return next ?? { thereMs: 1, backMs: 1, fate: 'answered' };
  }

  async #request(request: Plan['requests'][number]): Promise<void> {
    const process = this.#process(request.process);
    const asked = process.now();
    const name = `${request.process} ${request.upload}`;
    const number = (this.#newest.get(name) ?? 0) + 1;
    this.#newest.set(name, number);
    let letGo: () => void = () => {};
    let isAsked = false;
    const acquired = this.#acquire[request.process]?.(request.upload, () => {
      isAsked = true;
      letGo();
    });
    const turn = await acquired?.catch(() => null);
    if (turn == null) return;
    if (turn === 'busy') return expect(process.now() - asked, 'busy after the wait').toBeGreaterThanOrEqual(waitMs);
    if (turn === 'superseded')
      return expect(this.#newest.get(name), 'superseded by a newer one').toBeGreaterThan(number);
    const granted = this.#grant(request.upload, turn);
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      // Whatever becomes of the row: this one has come to its end, and says so.
      if (request.end === 'release') granted.open = false;
      turn[request.end]().catch(() => {});
    };
    if (request.isPolite) letGo = end;
    if (request.isPolite && isAsked) end();
    else process.after(request.holdMs, end);
  }

  #grant(upload: string, turn: Turn): Granted {
    const before = this.#granted.filter((one) => one.upload === upload);
    const granted = { upload, turn, open: turn.isValid(), over: false };
    this.#granted.push(granted);
    // An answer that took too long is about a time that is over: nobody trusts it, and others may have been granted the place meanwhile.
    const isLate = !granted.open;
    if (!isLate && before.some((one) => one.open))
      expect(turn.forced, 'told that the one before did not end in order').toBe(true);
    if (turn.forced) this.forced += 1;
    // From here on what they left is this one's business.
    if (turn.forced) for (const one of before) if (!(isLate && one.turn.isValid())) one.open = false;
    return granted;
  }

  #check(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
    for (const upload of uploads) {
      const valid = this.#granted.filter((one) => one.upload === upload && one.turn.isValid());
      expect(valid.length, `of ${upload}, who can trust it`).toBeLessThanOrEqual(1);
      expect(valid[0]?.over ?? false, 'what is over comes back').toBe(false);
    }
    for (const one of this.#granted) one.over ||= !one.turn.isValid();
  }

  /** Whoever lives gets everything in the end. */
  async #comesToAnEnd(): Promise<void> {
    this.#statements = this.#plan.statements.length;
    for (const [i, acquire] of this.#acquire.entries()) {
      if (this.#process(i).stillUntil > this.#world.now) continue;
      for (const upload of uploads) {
        const outcomes: unknown[] = [];
        this.#world.at(this.#world.now, this.#process(i), () => {
          acquire(upload, () => {}).then(
            (turn) => {
              outcomes.push(turn);
              if (typeof turn === 'object') void turn.release();
            },
            (error: unknown) => outcomes.push(error),
          );
        });
        await this.#world.until(this.#world.now + waitMs + 1_000, () => {});
        expect(outcomes).toMatchObject([{ release: expect.any(Function) }]);
      }
    }
  }
}

const seeds = { numRuns: process.env['HOLDFAST_TEST_ALL'] === '1' ? 3_000 : 50 };

/** The first plan on which it fails. */
async function foundOut(breaking: Breaking): Promise<void> {
  const property = fc.asyncProperty(plans(calm, 1), async (plan) => {
    const inOrder = plan.requests.map((request) => ({ ...request, end: 'release' as const }));
    const play = new Play({ ...plan, requests: inOrder }, breaking);
    await play.run();
    if (plan.stills.length === 0) expect(play.forced).toBe(0);
  });
  const { failed } = await fc.check(property, { numRuns: 500, endOnFailure: true });
  expect(failed).toBe(true);
}

type Method = (...args: unknown[]) => Promise<unknown>;

/** A table one of whose methods does something else with what the real one does. */
function but(
  name: 'take' | 'renew' | 'remove',
  change: (method: Method, args: unknown[]) => Promise<unknown>,
): Breaking {
  return (table) => {
    const method = Reflect.get(table, name) as Method;
    return instead(table, { [name]: (...args: unknown[]) => change(method, args) });
  };
}

const brokenTables: readonly [string, Breaking][] = [
  ['takes what is held', but('take', (take, args) => take(...args).then((how) => (how === 'held' ? 'taken' : how)))],
  ['tells nobody of force', but('take', (take, args) => take(...args).then((how) => (how === 'held' ? how : 'taken')))],
  ['takes for less than was asked', but('take', (take, [lease, forMs]) => take(lease, Number(forMs) / 4))],
  ['renews for less than was asked', but('renew', (renew, [leases]) => renew(leases, 1))],
  ['removes nothing', but('remove', async () => {})],
];

describe('leases of three processes, over a database that is slow, away, or whose answers get lost', () => {
  it('are trusted by one at a time; who comes after one that did not end in order is told; all come to an end', () =>
    fc.assert(
      fc.asyncProperty(plans(rough, 3), (plan) => new Play(plan).run()),
      seeds,
    ));

  it('nobody is forced while everybody lives and the database answers', () =>
    fc.assert(
      fc.asyncProperty(plans(calm, 0), async (plan) => {
        const inOrder = plan.requests.map((request) => ({ ...request, end: 'release' as const }));
        const play = new Play({ ...plan, requests: inOrder });
        await play.run();
        expect(play.forced).toBe(0);
      }),
      seeds,
    ));

  it.each(brokenTables)('are found out on a database that %s', (_name, breaking) => foundOut(breaking));
});
