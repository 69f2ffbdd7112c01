import type { Attempt, FailureGroup, PlacedStep } from '@holdfast/protocol';
import { useEffect, useState } from 'react';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { stepTitle } from '../asset/asset-view.ts';
import { formatAgo, plural } from '../format/format.ts';
import { Link } from '../routing/navigation.tsx';
import { useResource } from '../state/resource.ts';
import { groupId, kindWords, retryOf } from './processing.ts';
import { useCommand } from './use-command.ts';

const again = (count: number) => `${plural(count, 'step')} to be done again now.`;

export function Failures({ groups, onChanged }: { groups: readonly FailureGroup[]; onChanged: () => void }) {
  const { api } = useServices();
  const { busy, problem, run } = useCommand(onChanged);
  return (
    <section className="section" aria-labelledby="failures-title">
      <div className="section-head">
        <h2 id="failures-title">Failed</h2>
        {groups.length === 0 ? null : (
          <button
            type="button"
            className="button"
            aria-disabled={busy}
            onClick={() => run(() => api.processing.retryFailed({ all: true }), again)}
          >
            <Icon name="retry" />
            Retry all
          </button>
        )}
      </div>
      {problem === null ? null : (
        <p role="alert" className="problem">
          {problem}
        </p>
      )}
      {groups.length === 0 ? (
        <p className="empty">Nothing has failed.</p>
      ) : (
        <ul className="failures panel">
          {groups.map((group) => (
            <Group key={groupId(group)} group={group} onChanged={onChanged} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Group({ group, onChanged }: { group: FailureGroup; onChanged: () => void }) {
  const { api } = useServices();
  const { busy, problem, run } = useCommand(onChanged);
  const [open, setOpen] = useState(false);
  const title = stepTitle(group.step);
  return (
    <li className="failure">
      <div className="failure-head">
        <Icon name="failed" />
        <div className="failure-words">
          <p className="failure-title">
            {title}: {kindWords(group.errorClass).toLowerCase()}
          </p>
          <p className="failure-reason">{group.reason}</p>
          <p className="quiet">
            {plural(group.count, 'file')}, the last {formatAgo(group.lastAt, Date.now())}
          </p>
          {problem === null ? null : (
            <p role="alert" className="problem">
              {problem}
            </p>
          )}
        </div>
        <div className="failure-buttons">
          <button
            type="button"
            className="button button-small"
            aria-expanded={open}
            aria-label={`${open ? 'Hide' : 'Show'} files that failed: ${title}`}
            onClick={() => setOpen(!open)}
          >
            {open ? 'Hide files' : 'Show files'}
          </button>
          <button
            type="button"
            className="button button-small"
            aria-disabled={busy}
            aria-label={`Retry ${plural(group.count, 'file')}: ${title}`}
            onClick={() => run(() => api.processing.retryFailed(retryOf(group)), again)}
          >
            <Icon name="retry" />
            Retry {group.count.toLocaleString()}
          </button>
        </div>
      </div>
      {open ? <Files group={group} onChanged={onChanged} /> : null}
    </li>
  );
}

function Files({ group, onChanged }: { group: FailureGroup; onChanged: () => void }) {
  const { api } = useServices();
  const [loaded, reload] = useResource(groupId(group), () => api.processing.failedSteps(group));
  // biome-ignore lint/correctness/useExhaustiveDependencies: these two say when the list has changed.
  useEffect(() => reload(), [reload, group.count, group.lastAt]);
  if (loaded.state === 'loading') return <p className="failure-files quiet">Loading …</p>;
  if (loaded.state === 'failed') return <p className="failure-files problem">{loaded.error.message}</p>;
  const changed = () => {
    reload();
    onChanged();
  };
  return (
    <ul className="failure-files">
      {loaded.value.map((step) => (
        <FailedFile key={step.key} step={step} onChanged={changed} />
      ))}
    </ul>
  );
}

function FailedFile({ step, onChanged }: { step: PlacedStep; onChanged: () => void }) {
  const { api } = useServices();
  const { busy, problem, run } = useCommand(onChanged);
  const [open, setOpen] = useState(false);
  return (
    <li className="failed-file">
      <div className="failed-file-head">
        <Link to={{ page: 'asset', id: step.assetId }}>{step.assetName}</Link>
        <span className="quiet">{plural(step.attempt, 'attempt')}</span>
        <button
          type="button"
          className="button button-small"
          aria-expanded={open}
          aria-label={`${open ? 'Hide' : 'Show'} output of ${step.assetName}`}
          onClick={() => setOpen(!open)}
        >
          {open ? 'Hide output' : 'Show output'}
        </button>
        <button
          type="button"
          className="button button-small"
          aria-disabled={busy}
          aria-label={`Retry ${step.assetName}`}
          onClick={() =>
            run(
              () => api.processing.retryStep(step.key),
              () => `${step.assetName} is done again.`,
            )
          }
        >
          <Icon name="retry" />
          Retry
        </button>
      </div>
      {problem === null ? null : (
        <p role="alert" className="problem">
          {problem}
        </p>
      )}
      {open ? <Attempts stepKey={step.key} name={step.assetName} /> : null}
    </li>
  );
}

function Attempts({ stepKey, name }: { stepKey: string; name: string }) {
  const { api } = useServices();
  const [loaded] = useResource(stepKey, () => api.processing.attempts(stepKey));
  if (loaded.state === 'loading') return <p className="quiet">Loading …</p>;
  if (loaded.state === 'failed') return <p className="problem">{loaded.error.message}</p>;
  return (
    <ol className="attempts" aria-label={`Attempts on ${name}`}>
      {loaded.value.toReversed().map((attempt) => (
        <AttemptRow key={attempt.number} attempt={attempt} />
      ))}
    </ol>
  );
}

function AttemptRow({ attempt }: { attempt: Attempt }) {
  const exit = attempt.exitCode === null ? '' : `, exit code ${attempt.exitCode}`;
  const output = [attempt.log, attempt.stderr ?? ''].filter((text) => text !== '').join('\n');
  return (
    <li>
      <p>
        Attempt {attempt.number}, {new Date(attempt.startedAt).toLocaleString()}: {attempt.state}
        {exit}
      </p>
      {output === '' ? <p className="quiet">It left no output.</p> : <pre className="output">{output}</pre>}
    </li>
  );
}
