import type { Run, Step } from '@holdfast/protocol';
import { Icon, type IconName } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { formatPercent } from '../format/format.ts';
import { shortTime } from '../processing/processing.ts';
import { useCommand } from '../processing/use-command.ts';
import { ProgressBar } from '../uploads/progress-bar.tsx';
import { isAllSkipped, stepTitle } from './asset-view.ts';

/** What the pipeline did and does, step by step, with the reason where it did not. */
export function Runs({ runs, onChanged }: { runs: readonly Run[]; onChanged: () => void }) {
  return runs.map((run) => (
    <section key={run.id} className="section" aria-labelledby={`run-${run.id}`}>
      <div className="section-head">
        <h2 id={`run-${run.id}`}>
          {runTitle(run)}{' '}
          <span className="quiet run-version">
            {run.pipeline} {run.pipelineVersion}
          </span>
        </h2>
        {run.state === 'failed' || run.state === 'cancelled' || isAllSkipped(run) ? (
          <RetryButton run={run} onChanged={onChanged} />
        ) : null}
      </div>
      <ol className="steps panel">
        {run.steps.map((step) => (
          <StepRow key={step.key} step={step} />
        ))}
      </ol>
    </section>
  ));
}

function runTitle(run: Run): string {
  const ended = { succeeded: 'Processed', failed: 'Processing failed', cancelled: 'Processing cancelled' };
  if (isAllSkipped(run)) return 'Not processed';
  return run.state === 'running' ? (run.cancelling ? 'Cancelling' : 'Processing') : ended[run.state];
}

const retryWords: Readonly<Record<Run['state'], string>> = {
  running: 'Retry',
  succeeded: 'Retry skipped steps',
  failed: 'Retry failed steps',
  cancelled: 'Retry cancelled steps',
};

function RetryButton({ run, onChanged }: { run: Run; onChanged: () => void }) {
  const { api } = useServices();
  const command = useCommand(onChanged);
  const retry = () =>
    command.run(
      () => api.retryRun(run.id),
      () => 'The steps that did not succeed are done again.',
    );
  return (
    <>
      <button type="button" className="button" aria-disabled={command.busy} onClick={retry}>
        <Icon name="retry" />
        {retryWords[run.state]}
      </button>
      {command.problem === null ? null : (
        <p role="alert" className="problem">
          {command.problem}
        </p>
      )}
    </>
  );
}

const stateIcons: Readonly<Record<Step['state'], IconName>> = {
  blocked: 'waiting',
  pending: 'waiting',
  running: 'resume',
  succeeded: 'done',
  skipped: 'skipped',
  failed: 'failed',
  cancelled: 'cancel',
};

function StepRow({ step }: { step: Step }) {
  const title = stepTitle(step.name);
  return (
    <li className="step" data-state={step.state}>
      <Icon name={stateIcons[step.state]} />
      <div className="step-words">
        <p className="step-title">
          {title} <code className="quiet">{step.name}</code>
        </p>
        {step.reason === null ? null : <p className="step-reason">{step.reason}</p>}
        {step.state === 'running' ? (
          <ProgressBar
            label={title}
            value={step.progress}
            valueText={`${title}, ${formatPercent(step.progress)}`}
            tone="active"
          />
        ) : null}
      </div>
      <p className="step-state">{stateWords(step)}</p>
    </li>
  );
}

function stateWords(step: Step): string {
  switch (step.state) {
    case 'blocked':
      return 'Waits for the step before';
    case 'pending':
      return step.attempt > 0 ? `Tries again (${step.attempt} of ${step.attemptsMax})` : 'Due';
    case 'running':
      return step.cancelling ? 'Is being cancelled' : formatPercent(step.progress);
    case 'succeeded':
      return took(step);
    case 'skipped':
      return 'Skipped';
    case 'failed':
      return step.attempt > 1 ? `Failed, tried ${step.attempt} times` : 'Failed';
    case 'cancelled':
      return 'Cancelled';
  }
}

function took({ startedAt, finishedAt }: Step): string {
  if (startedAt === null || finishedAt === null) return 'Done';
  const ms = Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt));
  return ms < 100 ? 'Done at once' : `Done in ${shortTime(ms)}`;
}
