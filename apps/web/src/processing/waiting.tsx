import type { PlacedStep } from '@holdfast/protocol';
import { useState } from 'react';
import { stepTitle } from '../asset/asset-view.ts';
import { plural } from '../format/format.ts';
import { Link } from '../routing/navigation.tsx';

/** More are a click away: the first are the next ones, and a list of hundreds would push everything else aside. */
const shownFirst = 3;

export function Waiting({ steps }: { steps: readonly PlacedStep[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? steps : steps.slice(0, shownFirst);
  const more = steps.length - shownFirst;
  return (
    <section className="section" aria-labelledby="waiting-title">
      <div className="section-head">
        <h2 id="waiting-title">Waits</h2>
        {more > 0 ? (
          <button type="button" className="button" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? 'Show the next ones only' : `Show ${more.toLocaleString()} more`}
          </button>
        ) : null}
      </div>
      <div className="waiting panel">
        {steps.length === 0 ? <p className="quiet waiting-none">Nothing waits.</p> : null}
        <ol aria-label={plural(steps.length, 'waiting step')}>
          {shown.map((step) => (
            <li key={step.key} className="waiting-step">
              <p>
                {stepTitle(step.name)} <Link to={{ page: 'asset', id: step.assetId }}>{step.assetName}</Link>
              </p>
              <p className="quiet">{step.waits?.words}</p>
            </li>
          ))}
        </ol>
      </div>
    </section>
  );
}
