import { shownName } from '@holdfast/protocol';
import { useState } from 'react';
import { messageOf } from '../api/api-error.ts';
import { FileName } from '../app/file-name.tsx';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { formatAgo, formatBytes, formatPercent } from '../format/format.ts';
import { ProgressBar } from './progress-bar.tsx';
import type { Unfinished } from './unfinished.ts';
import { useNow } from './use-uploads.ts';

interface UnfinishedListProps {
  items: readonly Unfinished[];
  reload: () => void;
  onChoose: () => void;
}

/** What was begun elsewhere, or before somebody signed out: a page may not read a file by itself, so somebody has to pick it. */
export function UnfinishedList({ items, reload, onChoose }: UnfinishedListProps) {
  const now = useNow(30_000);
  if (items.length === 0) return null;
  return (
    <section className="section" aria-labelledby="unfinished-title">
      <div className="section-head">
        <h2 id="unfinished-title">Not finished yet</h2>
      </div>
      <ul className="rows panel">
        {items.map((item) => (
          <UnfinishedRow key={item.upload.id} item={item} now={now} onChoose={onChoose} onGone={reload} />
        ))}
      </ul>
    </section>
  );
}

interface UnfinishedRowProps {
  item: Unfinished;
  now: number;
  onChoose: () => void;
  onGone: () => void;
}

function UnfinishedRow({ item: { upload, elsewhere }, now, onChoose, onGone }: UnfinishedRowProps) {
  const name = shownName(upload.filename);
  const state = elsewhere ? 'Being sent from elsewhere' : 'Select again to continue';
  const size = upload.size === null ? 'a file whose size is not told yet' : formatBytes(upload.size);
  const figures = `${formatBytes(upload.receivedBytes)} of ${size} are stored · last bytes ${formatAgo(upload.updatedAt, now)}`;
  return (
    <li className="upload" data-tone="calm">
      <div className="upload-head">
        <span className="upload-name" title={name}>
          <FileName name={name} />
        </span>
        <span className="upload-state">{state}</span>
        <span className="upload-percent" aria-hidden="true">
          {formatPercent(upload.progress)}
        </span>
      </div>
      <ProgressBar
        label={`Stored of ${name}`}
        value={upload.progress}
        valueText={`${state}, ${formatPercent(upload.progress)} stored`}
        tone="calm"
        chunk={upload.size ? upload.chunkSize / upload.size : 1}
      />
      <p className="upload-figures">{figures}</p>
      {elsewhere ? null : <UnfinishedActions upload={upload} onChoose={onChoose} onGone={onGone} />}
    </li>
  );
}

function UnfinishedActions({
  upload,
  onChoose,
  onGone,
}: Omit<UnfinishedRowProps, 'item' | 'now'> & Pick<Unfinished, 'upload'>) {
  const { uploads } = useServices();
  const name = shownName(upload.filename);
  const [busy, setBusy] = useState(false);
  const discard = async () => {
    setBusy(true);
    try {
      await uploads.discard(upload);
      document.querySelector<HTMLElement>('.drop-zone button')?.focus();
      onGone();
    } catch (error) {
      uploads.note(`${name} could not be discarded: ${messageOf(error)}`, 'bad');
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="upload-actions">
      <button type="button" className="button" aria-label={`Select ${name} again`} onClick={onChoose}>
        <Icon name="upload" />
        Select
      </button>
      <button
        type="button"
        className="button"
        aria-label={`Discard ${name}`}
        aria-disabled={busy}
        onClick={() => void (busy || discard())}
      >
        <Icon name="cancel" />
        Discard
      </button>
    </div>
  );
}
