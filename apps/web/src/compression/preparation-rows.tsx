import { shownName } from '@holdfast/protocol';
import { FileName } from '../app/file-name.tsx';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { formatBytes, formatPercent } from '../format/format.ts';
import { useWatchable } from '../state/store.ts';
import { ProgressBar } from '../uploads/progress-bar.tsx';
import type { Piece } from './workshop.ts';

/** What is being compressed, above what is on its way. */
export function PreparationRows() {
  const { workshop } = useServices();
  const pieces = useWatchable(workshop.pieces);
  if (pieces.length === 0) return null;
  return (
    <section className="section" aria-labelledby="preparing-title">
      <div className="section-head">
        <h2 id="preparing-title">Being compressed</h2>
        <p className="quiet">Keep this page open until it is done; the originals are only here.</p>
      </div>
      <ul className="rows panel">
        {pieces.map((piece) => (
          <PreparationRow key={piece.id} piece={piece} onCancel={() => workshop.cancel(piece.id)} />
        ))}
      </ul>
    </section>
  );
}

function PreparationRow({ piece, onCancel }: { piece: Piece; onCancel: () => void }) {
  const { size, state, fraction } = piece;
  const filename = shownName(piece.filename);
  const words = state === 'waiting' ? 'Waiting for its turn' : 'Compressing';
  return (
    <li className="upload" data-tone="active">
      <div className="upload-head">
        <span className="upload-name" title={filename}>
          <FileName name={filename} />
        </span>
        <span className="upload-state">{words}</span>
        <span className="upload-percent" aria-hidden="true">
          {formatPercent(fraction)}
        </span>
      </div>
      <ProgressBar
        label={`Compression of ${filename}`}
        value={fraction}
        valueText={`${words}, ${formatPercent(fraction)}`}
        tone="active"
      />
      <p className="upload-figures">{formatBytes(size)}</p>
      <div className="upload-actions">
        <button type="button" className="button" aria-label={`Cancel ${filename}`} onClick={onCancel}>
          <Icon name="cancel" />
          Cancel
        </button>
      </div>
    </li>
  );
}
