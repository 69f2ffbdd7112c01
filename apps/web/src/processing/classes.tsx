import type { Class } from '@holdfast/protocol';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { formatAgo } from '../format/format.ts';
import { useCommand } from './use-command.ts';

export function Classes({ classes, onChanged }: { classes: readonly Class[]; onChanged: () => void }) {
  if (classes.length === 0) return null;
  return (
    <section className="section" aria-labelledby="classes-title">
      <div className="section-head">
        <h2 id="classes-title">Classes</h2>
        <p className="quiet">Steps of one class share their places.</p>
      </div>
      <ul className="classes panel">
        {classes.map((one) => (
          <ClassRow key={one.name} of={one} onChanged={onChanged} />
        ))}
      </ul>
    </section>
  );
}

function ClassRow({ of, onChanged }: { of: Class; onChanged: () => void }) {
  const { api } = useServices();
  const { busy, problem, run } = useCommand(onChanged);
  const change = () =>
    of.paused === null
      ? run(
          () => api.processing.pauseClass(of.name),
          () => `${of.name} is paused; what runs may finish.`,
        )
      : run(
          () => api.processing.resumeClass(of.name),
          () => `${of.name} goes on.`,
        );
  return (
    <li className="class">
      <div className="class-words">
        <p>
          <code>{of.name}</code>{' '}
          {of.paused === null ? null : (
            <span className="quiet">
              paused by {of.paused.by} {formatAgo(of.paused.at, Date.now())}
            </span>
          )}
        </p>
        {problem === null ? null : (
          <p role="alert" className="problem">
            {problem}
          </p>
        )}
      </div>
      <p className="class-counts">
        {of.running} of {of.limit ?? '–'} run, {of.pending.toLocaleString()} due
      </p>
      <button
        type="button"
        className="button button-small"
        aria-label={`${of.paused === null ? 'Pause' : 'Resume'} class ${of.name}`}
        aria-disabled={busy}
        onClick={change}
      >
        <Icon name={of.paused === null ? 'pause' : 'resume'} />
        {of.paused === null ? 'Pause' : 'Resume'}
      </button>
    </li>
  );
}
