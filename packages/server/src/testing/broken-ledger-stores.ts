/** Ledger stores with one obligation broken each: the suite has to find out every one of them. */
import type { Claim, LedgerStore } from '../core/ports/ledger-store.ts';
import type { BrokenAdapter } from './conformance.ts';
import type { Ledgers } from './ledger-store-subject.ts';
import { unique } from './sample-upload.ts';
import { instead } from './stand-in.ts';

function both(change: (ledger: LedgerStore) => Partial<LedgerStore>): (ledgers: Ledgers) => Ledgers {
  return ({ ledger, other, ...rest }) => ({
    ...rest,
    ledger: instead(ledger, change(ledger)),
    other: instead(other, change(other)),
  });
}

/** Remembers the newest fence of each step that anybody claimed. */
function withoutFence({ ledger, other, ...rest }: Ledgers): Ledgers {
  const newest = new Map<string, number>();
  const change = (store: LedgerStore): Partial<LedgerStore> => ({
    claim: async (request) => {
      const claim = await store.claim(request);
      if (claim) newest.set(claim.step.key, claim.step.fence);
      return claim;
    },
    succeed: (key, fence, result) => store.succeed(key, newest.get(key) ?? fence, result),
  });
  return { ...rest, ledger: instead(ledger, change(ledger)), other: instead(other, change(other)) };
}

/** Gives a step to whoever asks next as well. */
function twice({ ledger, other, ...rest }: Ledgers): Ledgers {
  const again: Claim[] = [];
  const change = (store: LedgerStore): Partial<LedgerStore> => ({
    claim: async (request) => {
      const repeated = again.shift();
      if (repeated) return repeated;
      const claim = await store.claim(request);
      if (claim) again.push(claim);
      return claim;
    },
  });
  return { ...rest, ledger: instead(ledger, change(ledger)), other: instead(other, change(other)) };
}

const wantedAndMissing = 'a step waits for what it wants, and goes on without what failed or was skipped';
const failedForGood = 'a step that failed for good skips what needs it, and the run fails when nothing is left';

export const brokenLedgerStores: readonly BrokenAdapter<Ledgers>[] = [
  { name: 'forgets the fence', caughtBy: 'a holder that lost its step changes nothing', break: withoutFence },
  {
    name: 'does not tell that the step is lost',
    caughtBy: 'a holder that lost its step changes nothing',
    break: both((store) => ({
      heartbeat: async (key, fence, until, progress) => {
        await store.heartbeat(key, fence, until, progress);
        return 'applied';
      },
    })),
  },
  {
    name: 'gives a step that is asked for by its key before it is due',
    caughtBy: 'a step is claimed by its key once it is due, and only once',
    break: both((store) => ({
      claimKey: (key, request) => store.claimKey(key, { ...request, now: request.now + 60_000 }),
    })),
  },
  {
    name: 'begins each page of due steps anew',
    caughtBy: 'due steps are listed page by page in the order in which they became due',
    break: both((store) => ({ dueSteps: (page) => store.dueSteps({ ...page, after: null }) })),
  },
  { name: 'gives a step to two workers', caughtBy: 'two claims never get the same step', break: twice },
  {
    name: 'claims without regard to classes and their order',
    caughtBy: 'claims take the due step of the highest priority, then the oldest, of the given classes',
    break: both((store) => ({ claim: (request) => store.claim({ ...request, classes: request.classes.slice(0, 1) }) })),
  },
  {
    name: 'knows no limit for all nodes together',
    caughtBy: 'never more steps of a class run than all nodes together may, however many claim at once',
    break: both((store) => ({ claim: (request) => store.claim({ ...request, clusterLimits: {} }) })),
  },
  {
    name: 'creates a run each time it is asked to',
    caughtBy: 'a run is created once for an asset, a pipeline and a version',
    break: both((store) => ({
      startRun: (assetId, plan, now) => store.startRun(assetId, { ...plan, pipelineVersion: unique('version') }, now),
    })),
  },
  {
    name: 'computes again what is known',
    caughtBy: 'a result is shared by all runs whose plan has the same step',
    break: both((store) => ({
      startRun: (assetId, plan, now) =>
        store.startRun(
          assetId,
          { ...plan, steps: plan.steps.map((step) => ({ ...step, key: unique(step.key) })) },
          now,
        ),
    })),
  },
  {
    name: 'takes a wanted step for a needed one',
    caughtBy: wantedAndMissing,
    break: both((store) => ({
      startRun: (assetId, plan, now) =>
        store.startRun(
          assetId,
          { ...plan, steps: plan.steps.map((step) => ({ ...step, needs: [...step.needs, ...step.wants], wants: [] })) },
          now,
        ),
    })),
  },
  {
    name: 'does not wait for what is wanted',
    caughtBy: wantedAndMissing,
    break: both((store) => ({
      startRun: (assetId, plan, now) =>
        store.startRun(assetId, { ...plan, steps: plan.steps.map((step) => ({ ...step, wants: [] })) }, now),
    })),
  },
  {
    name: 'does not say what is missing',
    caughtBy: wantedAndMissing,
    break: both((store) => ({
      claim: async (request) => {
        const claim = await store.claim(request);
        return claim && { ...claim, missing: {} };
      },
    })),
  },
  {
    name: 'keeps what was made without a wanted result',
    caughtBy: 'what was made without a wanted result is made again when that is there',
    break: both((store) => ({
      // Without a retry, there is no late result either.
      retryRun: async (runId) => (await store.findRun(runId)) !== null,
    })),
  },
  {
    name: 'forgets the artifacts',
    caughtBy: 'artifacts are recorded with the result, and only the last attempt counts',
    break: both((store) => ({
      succeed: (key, fence, result) => store.succeed(key, fence, { ...result, artifacts: [] }),
    })),
  },
  {
    name: 'forgets the output',
    caughtBy: 'a claim gives the step, the asset and the results that it needs',
    break: both((store) => ({ succeed: (key, fence, result) => store.succeed(key, fence, { ...result, output: {} }) })),
  },
  {
    name: 'takes a failure for a skip',
    caughtBy: failedForGood,
    break: both((store) => ({
      fail: (key, fence, failure) => store.skip(key, fence, { reason: failure.reason, lacks: null, now: failure.now }),
    })),
  },
  {
    name: 'takes a skip for a failure',
    caughtBy: 'a step that skips itself lets those that need it run',
    break: both((store) => ({
      skip: (key, fence, { reason, now }) => store.fail(key, fence, { reason, retryAt: null, now }),
    })),
  },
  {
    name: 'tries again at once',
    caughtBy: 'a step that is to be tried again waits for its time',
    break: both((store) => ({
      fail: (key, fence, failure) =>
        store.fail(key, fence, { ...failure, retryAt: failure.retryAt === null ? null : failure.now }),
    })),
  },
  {
    name: 'does not take steps back',
    caughtBy: 'steps whose lease ended are taken back, those of living holders are not',
    break: both(() => ({ reclaimExpired: async () => 0 })),
  },
  {
    name: 'takes steps back from living holders',
    caughtBy: 'a heartbeat extends the lease and tells the progress, without an event',
    break: both((store) => ({ reclaimExpired: () => store.reclaimExpired(Number.MAX_SAFE_INTEGER) })),
  },
  {
    name: 'takes back steps of others',
    caughtBy: 'D4: steps of a restarted holder are due at once, unless one ran there alone as often as it may be tried',
    break: both((store) => ({ reclaimHolder: (_holder, now) => store.reclaimExpired(now + 99_999_999) })),
  },
  {
    name: 'counts the attempt of a step that is given back',
    caughtBy: 'a step that is given back is due at once, and the attempt does not count',
    break: both((store) => ({
      release: (key, fence, at) => store.fail(key, fence, { reason: 'stopped', retryAt: at, now: at }),
    })),
  },
  {
    name: 'leaves skipped steps skipped',
    caughtBy: 'what was skipped is done when the run is tried again',
    break: both((store) => ({
      retryRun: async (runId, at) =>
        (await store.findRun(runId))?.state === 'failed' ? await store.retryRun(runId, at) : false,
    })),
  },
  {
    name: 'says that it tries a run again',
    caughtBy: 'a failed run can be tried again, from what failed',
    break: both((store) => ({ retryRun: async (runId) => (await store.findRun(runId))?.state === 'failed' })),
  },
  {
    name: 'lets a cancelled step succeed',
    caughtBy: 'what runs is asked to let go, and its late result is refused',
    break: both((store) => ({
      succeed: async (key, fence, result) => {
        await store.succeed(key, fence, result);
        return 'applied';
      },
    })),
  },
  {
    name: 'does not tell a holder that its step is to be cancelled',
    caughtBy: 'what runs is asked to let go, and its late result is refused',
    break: both(() => ({ cancelAsked: async () => [] })),
  },
  {
    name: 'keeps nothing of a failure',
    caughtBy: 'every attempt is kept, with how it ended and what is left of it',
    break: both((store) => ({
      fail: (key, fence, { evidence: _, ...failure }) => store.fail(key, fence, failure),
    })),
  },
  {
    name: 'forgets what was logged',
    caughtBy: 'every attempt is kept, with how it ended and what is left of it',
    break: both((store) => ({ report: (key, fence, report) => store.report(key, fence, { ...report, log: '' }) })),
  },
  {
    name: 'tells listeners of everything',
    caughtBy: 'progress is told in events when listeners are to hear of it',
    break: both((store) => ({ report: (key, fence, report) => store.report(key, fence, { ...report, tell: true }) })),
  },
  {
    name: 'resumes nothing',
    caughtBy: 'a paused class is left alone by all nodes until it is resumed, and running steps may finish',
    break: ({ control, ...rest }) => ({ ...rest, control: instead(control, { resumeClass: async () => true }) }),
  },
  {
    name: 'cancels what other runs wait for',
    caughtBy: 'a step that another run waits for is left to it',
    break: ({ control, ledger, ...rest }) => ({
      ...rest,
      ledger,
      control: instead(control, {
        cancelRun: async (id, asking) => {
          for (const step of (await ledger.findRun(id))?.steps ?? []) await control.cancelStep(step.key, asking);
          return await control.cancelRun(id, asking);
        },
      }),
    }),
  },
  {
    name: 'retries every failure, whatever was asked for',
    caughtBy: 'failed steps can be tried again by what they have in common',
    break: ({ control, ...rest }) => ({
      ...rest,
      control: instead(control, {
        retryFailed: ({ principal }, asking) =>
          control.retryFailed(principal === undefined ? {} : { principal }, asking),
      }),
    }),
  },
  {
    name: 'ignores the time from which runs are asked for',
    caughtBy: 'runs are listed for those who own the asset, newest first',
    break: both((store) => ({ listRuns: ({ since: _, ...query }) => store.listRuns(query) })),
  },
  {
    name: 'forgets what a machine lacked',
    caughtBy: 'what was skipped for want of media tools is tried again when they are there, with what needs it',
    break: both((store) => ({ skip: (key, fence, skip) => store.skip(key, fence, { ...skip, lacks: null }) })),
  },
  {
    name: 'takes every skipped step for one that lacked something',
    caughtBy: 'what was skipped for want of media tools is tried again when they are there, with what needs it',
    break: both((store) => ({ skip: (key, fence, skip) => store.skip(key, fence, { ...skip, lacks: 'media-tools' }) })),
  },
  {
    name: 'revives what was cancelled',
    caughtBy: 'what was cancelled is not tried again because the tools are there',
    break: ({ control, ledger, ...rest }) => {
      let last = '';
      const cancelRun: typeof control.cancelRun = (id, asking) => {
        last = id;
        return control.cancelRun(id, asking);
      };
      const retryLacking: typeof control.retryLacking = async (_, { now }) => Number(await ledger.retryRun(last, now));
      return { ...rest, ledger, control: instead(control, { cancelRun, retryLacking }) };
    },
  },
];
