/** The statements that run again and again, as data: each has to find its rows through an index, on both engines. */
import type { CompiledQuery } from 'kysely';
import { assetQueries } from '../state/sql/assets.ts';
import { runningUpTo } from '../state/sql/class-room.ts';
import { encodeCursor } from '../state/sql/cursor.ts';
import type { Dialect } from '../state/sql/engine.ts';
import { EventLog } from '../state/sql/events.ts';
import { ledgerQueries } from '../state/sql/ledger-queries.ts';
import { recordingQueries } from '../state/sql/recordings.ts';
import { questionQueries } from '../state/sql/run-question-queries.ts';
import { uploadQueries } from '../state/sql/upload-queries.ts';
import { uploadTokenQueries } from '../state/sql/upload-tokens.ts';
import { webhookQueries } from '../state/sql/webhook-queries.ts';

const cursor = encodeCursor({ createdAt: 1, id: 'x' });
const principal = 'p';

/** By what they are for. */
export function repeatedQueries(dialect: Dialect): Readonly<Record<string, CompiledQuery<unknown>>> {
  return {
    ...uploadStatements(dialect),
    ...ledgerStatements(dialect),
    ...otherStatements(dialect),
  };
}

function uploadStatements(dialect: Dialect): Record<string, CompiledQuery<unknown>> {
  const uploads = uploadQueries(dialect);
  const tokens = uploadTokenQueries(dialect);
  return {
    find: uploads.find({ id: 'x' }),
    findWithExtent: uploads.findWithExtent({ id: 'x', offset: 0 }),
    lock: uploads.lock({ id: 'x' }),
    extents: uploads.extents({ upload_id: 'x' }),
    'live bytes of a principal': uploads.liveBytes(principal),
    'upload token': tokens.find({ digest: 'd' }),
    'use of an upload token': tokens.consume('t', 'u'),
    'purge of upload tokens': tokens.purge(1, 10),
    'live of a principal': uploads.liveBeyond(10)({ principal }),
    list: uploads.list({ principal, limit: 10 }),
    'list with everything': uploads.list({ principal, limit: 10, cursor, filename: 'a', phases: ['paused'] }),
    dueToExpire: uploads.dueToExpire(1, 10),
    abandoned: uploads.abandoned(1, 10),
    heldBy: uploads.heldBy('n', 10),
    toRelease: uploads.toRelease(10),
    purge: uploads.purgeable(1, 10),
    live: uploads.live('x', 10),
    countByPhase: uploads.countByPhase(),
  };
}

function ledgerStatements(dialect: Dialect): Record<string, CompiledQuery<unknown>> {
  const ledger = ledgerQueries(dialect);
  const questions = questionQueries(dialect);
  return {
    'next step of a class': ledger.candidate({ class: 'c', now: 1 }),
    claim: ledger.take({ class: 'c', now: 1, holder: 'n', until: 2 }),
    'claim by key': ledger.takeKey({ key: 'k', now: 1, holder: 'n', until: 2 }),
    'due steps': ledger.dueSteps({ classes: ['c', 'd'], now: 1, after: { key: 'k', notBefore: 1 }, limit: 10 }),
    heartbeat: ledger.heartbeat({ key: 'k', fence: 1, until: 2, progress: 0 }),
    'steps of a holder': ledger.heldBy('n', 10),
    'expired steps': ledger.expired(1, 10),
    nextDue: ledger.nextDue(),
    countByState: ledger.countByState(),
    runs: ledger.listRuns({ principal, limit: 10, cursor }),
    'runs of everybody': ledger.listRuns({ limit: 10, cursor }),
    'failed runs': ledger.listRuns({ limit: 10, cursor, state: 'failed' }),
    'steps to let go of': ledger.cancelAsked('n'),
    'a step with its place': questions.step('k'),
    'running steps': questions.running(undefined, 10),
    'waiting steps': questions.waiting(undefined, 10),
    'waiting steps of a principal': questions.waiting(principal, 10),
    'what steps wait for': questions.waitsFor(['k', 'l']),
    'failed steps': questions.failed({}, { at: 1, key: 'k' }, 10),
    'failed steps of a kind': questions.failed(
      { principal, pipeline: 'p', step: 's', errorClass: 'timeout', reason: 'r', since: 1 },
      null,
      10,
    ),
    'steps that lacked something': questions.lackingKeys('media-tools', 'k', 10),
    'failed steps to retry': questions.failedKeys({}, { at: 1, key: 'k' }, 10),
    'failures by reason': questions.failureGroups({ since: 1 }),
    'pending steps by class': questions.pendingByClass(),
    'running steps by class': questions.runningByClass(),
    'steps of other runs': questions.stepsOfOtherLiveRuns('a', 'r'),
    'attempts of steps': questions.attempts(['k', 'l']),
    'durations of steps': questions.durations({ since: 1 }),
    'runs that ended': questions.ended({ since: 1 }),
    'runs of an asset': ledger.runsOf('a'),
    'steps of runs': ledger.stepsOfRuns(['r', 's']),
    'inputs of a step': ledger.inputsOf('k'),
    'artifacts of an asset': ledger.artifactsOfAsset('a'),
    'all artifacts': ledger.allArtifacts({ stepKey: 'k', name: 'n' }, 10),
    'running steps of a class': runningUpTo(dialect)(4)({ class: 'c' }),
  };
}

function otherStatements(dialect: Dialect): Record<string, CompiledQuery<unknown>> {
  const assets = assetQueries(dialect);
  const webhooks = webhookQueries(dialect);
  const events = new EventLog(dialect);
  const recordings = recordingQueries(dialect);
  return {
    'events of a subject': events.query({ subject: { kind: 'upload', id: 'x' }, after: 0, limit: 10 }),
    'events of a principal': events.query({ principal, after: 0, limit: 10 }),
    'assets of a principal': assets.list({ principal, limit: 10, cursor }),
    'assets of a kind': assets.list({
      principal,
      limit: 10,
      cursor,
      kind: 'other',
      runStates: ['failed', 'cancelled'],
    }),
    'sources of assets': assets.sources(['a', 'b'], principal),
    'events of everybody': events.query({ after: 0, limit: 10 }),
    'webhooks that are due': webhooks.due({ endpoint: 'e', now: 1, limit: 4, lock: true }),
    'when a webhook is due': webhooks.nextDue('e'),
    'webhooks of a holder': webhooks.reclaim('n', 1),
    'webhooks by state': webhooks.counts(),
    'pending webhooks': webhooks.countPending(),
    'webhooks that failed': webhooks.troubled({ limit: 10, cursor }),
    'ended webhooks': webhooks.ended(1, 10),
    'webhooks to give up': webhooks.overdue(1, 10),
    'a recording': recordings.find('x', principal),
    recordings: recordings.list({ principal, skip: 10, limit: 10 }),
    'recordings of a subject': recordings.list({ principal, subject: 's', skip: 10, limit: 10 }),
    'number of recordings': recordings.count({ principal, subject: 's', skip: 0, limit: 10 }),
    'uploads to keep': recordings.recorded(['x', 'y']),
  };
}
