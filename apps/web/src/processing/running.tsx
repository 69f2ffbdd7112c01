import type { Class, PlacedStep } from '@holdfast/protocol';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { stepTitle } from '../asset/asset-view.ts';
import { formatPercent } from '../format/format.ts';
import { Link } from '../routing/navigation.tsx';
import { ProgressBar } from '../uploads/progress-bar.tsx';
import { type Place, placesOf, shortTime } from './processing.ts';
import { useCommand } from './use-command.ts';

interface RunningProps {
  classes: readonly Class[];
  running: readonly PlacedStep[];
  onChanged: () => void;
}

export function Running({ classes, running, onChanged }: RunningProps) {
  const places = placesOf(classes, running);
  return (
    <section className="section" aria-labelledby="running-title">
      <div className="section-head">
        <h2 id="running-title">Runs now</h2>
      </div>
      {places.length === 0 ? (
        <p className="empty">This server processes nothing.</p>
      ) : (
        <ol className="places panel">
          {places.map((place) => (
            <PlaceRow key={place.id} place={place} onChanged={onChanged} />
          ))}
        </ol>
      )}
    </section>
  );
}

function PlaceRow({ place, onChanged }: { place: Place; onChanged: () => void }) {
  const { step } = place;
  return (
    <li className="place" data-free={step === null}>
      <code className="place-class">{place.class}</code>
      {step === null ? <p className="quiet">free</p> : <RunningStep step={step} onChanged={onChanged} />}
    </li>
  );
}

function RunningStep({ step, onChanged }: { step: PlacedStep; onChanged: () => void }) {
  const { api } = useServices();
  const { busy, problem, run } = useCommand(onChanged);
  const title = stepTitle(step.name);
  const since = step.startedAt === null ? '' : shortTime(Math.max(0, Date.now() - Date.parse(step.startedAt)));
  const cancel = () =>
    run(
      () => api.processing.cancelRun(step.runId),
      () => `Processing of ${step.assetName} is cancelled.`,
    );
  return (
    <>
      <div className="place-words">
        <p className="place-title">
          {title} <Link to={{ page: 'asset', id: step.assetId }}>{step.assetName}</Link>
        </p>
        <ProgressBar
          label={`${title} of ${step.assetName}`}
          value={step.progress}
          valueText={`${title}, ${formatPercent(step.progress)}`}
          tone={step.cancelling ? 'calm' : 'active'}
        />
        {problem === null ? null : (
          <p role="alert" className="problem">
            {problem}
          </p>
        )}
      </div>
      <p className="place-state">
        {step.cancelling ? 'Is being cancelled' : `${formatPercent(step.progress)}, for ${since}`}
      </p>
      <button
        type="button"
        className="button button-small"
        aria-label={`Cancel processing of ${step.assetName}`}
        aria-disabled={busy || step.cancelling}
        onClick={() => (step.cancelling ? undefined : cancel())}
      >
        <Icon name="cancel" />
        Cancel
      </button>
    </>
  );
}
