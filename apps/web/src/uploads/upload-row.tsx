import type { QueueItem } from '@holdfast/client/queue';
import { shownName } from '@holdfast/protocol';
import { memo, useLayoutEffect, useRef } from 'react';
import { FileName } from '../app/file-name.tsx';
import { Icon, type IconName } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { formatPercent } from '../format/format.ts';
import { Link } from '../routing/navigation.tsx';
import { ProgressBar } from './progress-bar.tsx';
import { type Offer, spokenProgress, type UploadWords, uploadFigures, uploadWords } from './upload-words.ts';

interface UploadRowProps {
  upload: QueueItem;
  /** The same function at every render, so that only rows that changed are drawn. */
  onRemove: (upload: QueueItem) => void;
  onChoose: () => void;
}

export const UploadRow = memo(function UploadRow({ upload, onRemove, onChoose }: UploadRowProps) {
  const words = uploadWords(upload);
  const row = useFocusThatStays(words.offer ?? upload.status);
  const name = shownName(upload.filename);
  return (
    <li className="upload" ref={row} data-tone={words.tone}>
      <div className="upload-head">
        <span className="upload-name" title={name}>
          {upload.status === 'completed' && upload.assetId !== null ? (
            <Link to={{ page: 'asset', id: upload.assetId }}>
              <FileName name={name} />
            </Link>
          ) : (
            <FileName name={name} />
          )}
        </span>
        <span className="upload-state">{words.state}</span>
        <span className="upload-percent" aria-hidden="true">
          {upload.status === 'recording' ? '' : formatPercent(upload.progress)}
        </span>
      </div>
      <ProgressBar
        label={`Upload of ${name}`}
        value={upload.progress}
        valueText={spokenProgress(upload)}
        tone={words.tone}
        chunk={upload.chunkSize === 0 || upload.size === 0 ? 1 : upload.chunkSize / upload.size}
      />
      <p className="upload-figures">{rowNote(upload, words)}</p>
      <div className="upload-actions">
        <OfferButton offer={words.offer} upload={upload} onChoose={onChoose} />
        {upload.status === 'recording' ? null : (
          <button
            type="button"
            className="button"
            aria-label={`${words.over ? 'Remove' : 'Cancel'} ${name}`}
            onClick={() => onRemove(upload)}
          >
            <Icon name="cancel" />
            {words.over ? 'Remove' : 'Cancel'}
          </button>
        )}
      </div>
    </li>
  );
});

/** How much is stored is a comfort while something waits; a failure needs the room for its reason. */
function rowNote(upload: QueueItem, { tone, note }: UploadWords): string {
  if (tone === 'bad') return note;
  return [...uploadFigures(upload), note].filter((part) => part !== '').join(' · ');
}

const offers: Readonly<Record<Exclude<Offer, null>, { word: string; icon: IconName }>> = {
  pause: { word: 'Pause', icon: 'pause' },
  resume: { word: 'Resume', icon: 'resume' },
  retry: { word: 'Retry', icon: 'retry' },
  select: { word: 'Select', icon: 'upload' },
};

/** One button that changes its word, so that the keyboard can pause and resume without searching. */
function OfferButton({ offer, upload, onChoose }: Pick<UploadRowProps, 'upload' | 'onChoose'> & { offer: Offer }) {
  const { uploads } = useServices();
  if (offer === null) return null;
  const { word, icon } = offers[offer];
  const name = shownName(upload.filename);
  const label = offer === 'select' ? `Select ${name} again` : `${word} ${name}`;
  const act = () => (offer === 'select' ? onChoose() : uploads.act(upload, offer));
  return (
    <button type="button" className="button" aria-label={label} onClick={act}>
      <Icon name={icon} />
      {word}
    </button>
  );
}

/** When the button that has the focus disappears with a change of state, the focus goes to what is left of the row. */
function useFocusThatStays(state: string) {
  const row = useRef<HTMLLIElement>(null);
  const inside = useRef(false);
  useLayoutEffect(() => {
    const element = row.current;
    if (element === null) return;
    const stop = new AbortController();
    element.addEventListener('focusin', () => (inside.current = true), { signal: stop.signal });
    element.addEventListener('focusout', (event) => (inside.current = event.relatedTarget === null), {
      signal: stop.signal,
    });
    return () => stop.abort();
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the state is what takes buttons away.
  useLayoutEffect(() => {
    if (!inside.current || document.activeElement !== document.body) return;
    row.current?.querySelector<HTMLElement>('button, a')?.focus();
  }, [state]);
  return row;
}
