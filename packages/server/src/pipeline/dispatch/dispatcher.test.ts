/** The dispatchers against their suite, and what the suite finds out. */
import { afterAll } from 'vitest';
import { type Breakage, dispatchers, type TestDispatchers } from '../../../test/dispatch-bench.ts';
import type { Place } from '../../../test/dispatch-node.ts';
import type { Claim } from '../../core/ports/ledger-store.ts';
import { type BrokenAdapter, type Fixture, registerBroken, registerSuite } from '../../testing/conformance.ts';
import type { Dispatchers } from '../../testing/dispatcher-subject.ts';
import { dispatcherSuite } from '../../testing/dispatcher-suite.ts';
import { startPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { instead } from '../../testing/stand-in.ts';

// One of its own: it is killed in the middle.
let server: Promise<TestPostgres> | null = null;
const open = async (kind: Place['kind']): Promise<Fixture<TestDispatchers>> => {
  server ??= startPostgres();
  return dispatchers(kind, await server);
};
afterAll(async () => (await server)?.stop());

const kinds = ['embedded on SQLite', 'embedded on PostgreSQL', 'pg-boss'] as const;
const suites = kinds.map((kind) => dispatcherSuite(kind, () => open(kind)));
for (const suite of suites) registerSuite(suite);

function broken(name: string, caughtBy: string, how: Breakage): BrokenAdapter<Dispatchers> {
  return {
    name,
    caughtBy,
    break: (subject) => {
      if (!('broken' in subject)) throw new Error('It cannot be broken.');
      return (subject as TestDispatchers).broken(how);
    },
  };
}

/** Gives a step that is asked for by its key to whoever asks, with the same claim. */
function toEverybody(): Breakage {
  const given = new Map<string, Claim>();
  return {
    ledger: (ledger) =>
      instead(ledger, {
        claimKey: async (key, request) => {
          const answer = await ledger.claimKey(key, request);
          if (answer.kind === 'claimed') given.set(key, answer.claim);
          const claim = given.get(key);
          return answer.kind === 'gone' && claim !== undefined ? { kind: 'claimed', claim } : answer;
        },
      }),
  };
}

const embedded = suites[0];
const boss = suites[2];
if (embedded !== undefined)
  registerBroken(embedded, [
    broken('never delivers', 'each due step is run once, and what needs it after it, by whatever node', {
      dispatcher: (dispatcher) => instead(dispatcher, { start: async () => {} }),
    }),
    broken(
      'takes more than there are places for',
      'no more of a class run at once on a node than it has places for, however often they are delivered',
      {
        options: (options) => ({
          ...options,
          places: Object.fromEntries(Object.entries(options.places).map(([name, places]) => [name, places * 2])),
        }),
      },
    ),
    broken('delivers a retry at once', 'a step that failed comes again when it is due again, and not earlier', {
      ledger: (ledger) =>
        instead(ledger, {
          fail: (key, fence, failure) => ledger.fail(key, fence, { ...failure, retryAt: failure.now }),
        }),
    }),
    broken(
      'does not give back what it runs when it stops',
      'a node that stops gives back what it runs, and another takes it up soon',
      {
        ledger: (ledger) => instead(ledger, { release: async () => 'applied' }),
      },
    ),
    broken(
      'does not ask what was cancelled',
      'a cancelled step lets go where it runs, and is not started where it waits',
      {
        ledger: (ledger) => instead(ledger, { cancelAsked: async () => [] }),
      },
    ),
    broken(
      'forgets the steps of silent nodes',
      'the step of a node that is killed for good goes to another when its lease has ended',
      {
        ledger: (ledger) => instead(ledger, { reclaimExpired: async () => 0 }),
      },
    ),
  ]);
if (boss !== undefined)
  registerBroken(boss, [
    broken('does not make up for lost messages', 'what is due is run although all messages were lost', {
      dispatcher: (dispatcher) => instead(dispatcher, { sweep: async () => {} }),
    }),
    broken(
      'runs what is delivered without asking',
      'a step that is delivered again while it runs, and after it has ended, is not run again',
      toEverybody(),
    ),
    broken(
      'counts places on each node alone',
      'no more of a class run at once on all nodes together than may, and all of them are run',
      {
        ledger: (ledger) =>
          instead(ledger, { claimKey: (key, request) => ledger.claimKey(key, { ...request, clusterLimits: {} }) }),
      },
    ),
    broken(
      'takes a step that has no place for one that is gone',
      'nothing of a paused class is started until it goes on, and then all of it is',
      {
        dispatcher: (dispatcher) => instead(dispatcher, { sweep: async () => {} }),
        ledger: (ledger) =>
          instead(ledger, {
            claimKey: async (key, request) => {
              const answer = await ledger.claimKey(key, request);
              return answer.kind === 'full' ? { kind: 'gone' } : answer;
            },
          }),
      },
    ),
  ]);
