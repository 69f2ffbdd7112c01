/** Answers about runs, steps and classes as lines for a terminal. Pure. */
import type {
  Artifact,
  Attempt,
  Class,
  FailureGroup,
  PlacedStep,
  Run,
  RunSummary,
  Step,
  StepDuration,
} from '@holdfast/protocol';
import { formatBytes } from '../core/byte-words.ts';
import { formatDuration, formatPercent, formatTable, safeText } from './format-text.ts';

export function summaryLine({ since, items }: RunSummary): string {
  const ended = items.reduce((sum, one) => sum + one.runs, 0);
  const words = (['succeeded', 'failed', 'cancelled'] as const).flatMap((state) => {
    const own = items.filter((one) => one.state === state);
    const runs = own.reduce((sum, one) => sum + one.runs, 0);
    return runs === 0 ? [] : [`${runs} ${state} (${formatBytes(own.reduce((sum, one) => sum + one.bytes, 0))})`];
  });
  return `Since ${when(since)}, ${ended === 0 ? 'no runs ended' : `${ended} runs ended: ${words.join(', ')}`}.`;
}

export function runListLines(runs: readonly Run[], now: number): string[] {
  if (runs.length === 0) return ['No runs.'];
  const rows = runs.map((run) => [
    run.id,
    run.cancelling ? 'cancelling' : run.state,
    run.pipeline,
    stepWords(run),
    tookWords(run.createdAt, run.finishedAt, now),
    when(run.createdAt),
    safeText(run.assetName),
    firstReason(run),
  ]);
  return formatTable([['ID', 'STATE', 'PIPELINE', 'STEPS', 'TOOK', 'CREATED', 'FILE', 'WHY'], ...rows]);
}

export interface RunFacts {
  readonly run: Run;
  readonly attempts: readonly Attempt[];
  readonly artifacts: readonly Artifact[];
}

export function runLines({ run, attempts, artifacts }: RunFacts, now: number): string[] {
  const lines = formatTable([
    ['run', run.id],
    ['pipeline', `${run.pipeline} ${run.pipelineVersion}`],
    ['file', `${safeText(run.assetName)}  ${run.assetId}`],
    ['state', run.cancelling ? 'running, is being cancelled' : run.state],
    ['created', `${when(run.createdAt)}, took ${tookWords(run.createdAt, run.finishedAt, now)}`],
  ]);
  const rows = run.steps.map((step) => [
    step.name,
    stateWords(step),
    String(attempts.filter((attempt) => attempt.stepKey === step.key).length || '-'),
    step.startedAt === null ? '-' : tookWords(step.startedAt, step.finishedAt, now),
    step.key,
    safeText(step.reason ?? ''),
  ]);
  lines.push('', ...formatTable([['STEP', 'STATE', 'ATTEMPTS', 'TOOK', 'KEY', 'WHY'], ...rows]));
  const failed = attempts.filter((attempt) => attempt.state === 'failed' || attempt.state === 'cancelled');
  for (const attempt of failed) lines.push('', ...attemptLines(attempt, now));
  const stepKeys = new Set(run.steps.map((step) => step.key));
  const own = artifacts.filter((artifact) => stepKeys.has(artifact.stepKey));
  if (own.length === 0) return lines;
  const files = own.map(({ step, name, contentType, size, url }) => [
    `${step}/${safeText(name)}`,
    contentType,
    formatBytes(size),
    url,
  ]);
  return [...lines, '', ...formatTable([['ARTIFACT', 'TYPE', 'SIZE', 'URL'], ...files])];
}

/** One attempt with all that is left of it. */
export function attemptLines(attempt: Attempt, now: number): string[] {
  const exit = attempt.exitCode === null ? '' : `, exit code ${attempt.exitCode}`;
  const kind = attempt.errorClass === null ? '' : ` (${attempt.errorClass}${exit})`;
  const why = attempt.reason === null ? '' : `: ${safeText(attempt.reason)}`;
  const took = tookWords(attempt.startedAt, attempt.endedAt, now);
  return [
    `${attempt.step}, attempt ${attempt.number} on ${attempt.node || 'an unknown node'}, ${when(attempt.startedAt)}, ${took}: ${attempt.state}${kind}${why}`,
    ...quoted('log', attempt.log),
    ...quoted('stderr', attempt.stderr ?? ''),
  ];
}

export function runningLines(steps: readonly PlacedStep[], now: number): string[] {
  if (steps.length === 0) return ['Nothing runs.'];
  const rows = steps.map((step) => [
    step.name,
    step.cancelling ? 'cancelling' : formatPercent(step.progress),
    step.startedAt === null ? '-' : tookWords(step.startedAt, null, now),
    `${step.attempt} of ${step.attemptsMax}`,
    step.class,
    step.node ?? '-',
    step.runId,
    safeText(step.assetName),
  ]);
  return formatTable([['STEP', 'DONE', 'FOR', 'ATTEMPT', 'CLASS', 'NODE', 'RUN', 'FILE'], ...rows]);
}

export function waitingLines(steps: readonly PlacedStep[]): string[] {
  if (steps.length === 0) return ['Nothing waits.'];
  const rows = steps.map((step) => [
    step.name,
    step.class,
    step.runId,
    safeText(step.assetName),
    step.waits?.words ?? '',
  ]);
  return formatTable([['STEP', 'CLASS', 'RUN', 'FILE', 'WHY'], ...rows]);
}

export function failureGroupLines(groups: readonly FailureGroup[]): string[] {
  if (groups.length === 0) return ['Nothing has failed.'];
  const rows = groups.map((group) => [
    String(group.count),
    group.step,
    group.errorClass ?? '-',
    when(group.lastAt),
    safeText(group.reason),
  ]);
  return formatTable([['COUNT', 'STEP', 'CLASS', 'LAST', 'REASON'], ...rows]);
}

export function failedLines(steps: readonly PlacedStep[]): string[] {
  if (steps.length === 0) return [];
  const rows = steps.map((step) => [
    step.finishedAt === null ? '-' : when(step.finishedAt),
    step.name,
    step.errorClass ?? '-',
    String(step.attempt),
    step.runId,
    safeText(step.assetName),
    safeText(step.reason ?? ''),
  ]);
  return formatTable([['FAILED', 'STEP', 'CLASS', 'ATTEMPTS', 'RUN', 'FILE', 'REASON'], ...rows]);
}

export function durationLines(items: readonly StepDuration[]): string[] {
  if (items.length === 0) return ['No step has succeeded in that time.'];
  const rows = items.map((one) => [
    one.step,
    one.version,
    String(one.count),
    ...[one.medianMs, one.p95Ms, one.maxMs, one.totalMs, one.medianWaitMs, one.maxWaitMs].map(shortTime),
  ]);
  const head = ['STEP', 'VERSION', 'COUNT', 'MEDIAN', 'P95', 'MAX', 'TOTAL', 'WAIT (MEDIAN)', 'WAIT (MAX)'];
  return formatTable([head, ...rows]);
}

export function classLines(classes: readonly Class[]): string[] {
  if (classes.length === 0) return ['This server runs no steps, and none are waiting.'];
  const rows = classes.map((one) => [
    one.name,
    one.limit === null ? '-' : String(one.limit),
    String(one.running),
    String(one.pending),
    one.paused === null ? '-' : `by ${safeText(one.paused.by)}, ${when(one.paused.at)}`,
  ]);
  return formatTable([['CLASS', 'LIMIT', 'RUNNING', 'DUE', 'PAUSED'], ...rows]);
}

/** Milliseconds as `42 ms`, `3.1 s`, `4 min 2 s`. */
export function shortTime(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 59_950 ? `${(ms / 1_000).toFixed(1)} s` : formatDuration(ms / 1_000);
}

/** `2026-11-21 10:32` in UTC, which sorts and is the same for everybody. */
function when(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 16)}`;
}

function tookWords(from: string, to: string | null, now: number): string {
  return shortTime(Math.max(0, (to === null ? now : Date.parse(to)) - Date.parse(from)));
}

function stepWords({ steps }: Run): string {
  const open = steps.filter((step) => ['blocked', 'pending', 'running'].includes(step.state)).length;
  return `${steps.length - open}/${steps.length}`;
}

function stateWords(step: Step): string {
  if (step.cancelling) return 'cancelling';
  return step.state === 'running' ? `running ${formatPercent(step.progress)}` : step.state;
}

function firstReason(run: Run): string {
  const broken =
    run.steps.find((step) => step.state === 'failed') ?? run.steps.find((step) => step.state === 'cancelled');
  return broken === undefined ? '' : safeText(`${broken.name}: ${broken.reason ?? ''}`);
}

function quoted(name: string, text: string): string[] {
  if (text === '') return [];
  return [`  ${name}`, ...text.split('\n').map((line) => `    ${safeText(line)}`)];
}
