/** Runs, steps and artifacts as rows and back. */
import type { AttemptRecord } from '../../core/attempt-record.ts';
import type { Artifact, Run, Step } from '../../core/ledger.ts';
import type { ArtifactRow, RunRow, StepAttemptRow, StepRow } from './schema.ts';

export function rowToStep(row: StepRow): Step {
  return {
    key: row.key,
    assetId: row.asset_id,
    name: row.name,
    version: row.version,
    params: JSON.parse(row.params) as Record<string, unknown>,
    class: row.class,
    priority: row.priority,
    state: row.state,
    attempt: row.attempt,
    attemptsMax: row.attempts_max,
    timeoutMs: row.timeout_ms,
    fence: row.fence,
    leaseHolder: row.lease_holder,
    leaseUntil: row.lease_until,
    notBefore: row.not_before,
    progress: row.progress,
    output: row.output === null ? null : (JSON.parse(row.output) as Record<string, unknown>),
    reason: row.reason,
    errorClass: row.error_class,
    cancelAskedAt: row.cancel_asked_at,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

/** `assetName` is null for an asset that came in by no upload; then its id has to do. */
export function rowToRun(row: RunRow, assetName: string | null): Run {
  return {
    id: row.id,
    assetId: row.asset_id,
    assetName: assetName ?? row.asset_id,
    pipeline: row.pipeline,
    pipelineVersion: row.pipeline_version,
    state: row.state,
    cancelAskedAt: row.cancel_asked_at,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
  };
}

export function rowToAttempt(row: StepAttemptRow): AttemptRecord {
  return {
    stepKey: row.step_key,
    number: row.number,
    attempt: row.attempt,
    node: row.node,
    state: row.state,
    dueAt: row.due_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    reason: row.reason,
    errorClass: row.error_class,
    exitCode: row.exit_code,
    stderr: row.stderr,
    log: row.log,
  };
}

export function rowToArtifact(row: ArtifactRow): Artifact {
  return { stepKey: row.step_key, name: row.name, contentType: row.content_type, size: row.size, sha256: row.sha256 };
}

export function artifactToRow(stepKey: string, artifact: Artifact): ArtifactRow {
  return {
    step_key: stepKey,
    name: artifact.name,
    content_type: artifact.contentType,
    size: artifact.size,
    sha256: artifact.sha256,
  };
}
