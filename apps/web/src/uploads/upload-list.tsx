import type { QueueItem, QueueSnapshot } from '@holdfast/client/queue';
import { type RefObject, useCallback, useLayoutEffect, useRef, useState } from 'react';
import { ConfirmButton } from '../app/confirm-button.tsx';
import { useServices } from '../app/services.tsx';
import { isOver, rowsOf, totalsOf, totalWords } from './listed.ts';
import { UploadRow } from './upload-row.tsx';
import { uploadWords } from './upload-words.ts';

interface UploadListProps {
  readonly items: readonly QueueItem[];
  readonly queue: QueueSnapshot | null;
  readonly onChoose: () => void;
  /** Where focus goes when no row is left. */
  readonly fallback: RefObject<HTMLElement | null>;
}

const rowsAtFirst = 20;
const rowsMore = 100;

export function UploadList({ items, queue, onChoose, fallback }: UploadListProps) {
  const { uploads } = useServices();
  const [max, setMax] = useState(rowsAtFirst);
  const list = useRef<HTMLUListElement>(null);
  const { rows, more } = rowsOf(items, max);
  const focusNext = useFocusAfterRemoval(items, fallback);
  const shown = useRef(rows);
  useLayoutEffect(() => {
    shown.current = rows;
  });
  const remove = useCallback(
    (item: QueueItem) => {
      focusNext(
        list.current,
        shown.current.findIndex(({ id }) => id === item.id),
      );
      uploads.remove(item);
    },
    [uploads, focusNext],
  );
  if (items.length === 0) return null;
  const active = items.filter((item) => !isOver(item)).length;
  return (
    <section className="section" aria-labelledby="uploads-title">
      <div className="section-head">
        <h2 id="uploads-title">{totalWords(totalsOf(items)) ?? 'Arrived'}</h2>
        <ForAll items={items} active={active} fallback={fallback} />
      </div>
      <QueueNotes queue={queue} active={active} />
      <ul className="rows panel" ref={list}>
        {rows.map((item) => (
          <UploadRow key={item.id} upload={item} onRemove={remove} onChoose={onChoose} />
        ))}
      </ul>
      {more === 0 ? null : (
        <p className="rows-more">
          and {more.toLocaleString()} more
          <button type="button" className="button button-small" onClick={() => setMax(max + rowsMore)}>
            Show more
          </button>
        </p>
      )}
    </section>
  );
}

interface ForAllProps {
  readonly items: readonly QueueItem[];
  readonly active: number;
  readonly fallback: RefObject<HTMLElement | null>;
}

/** What is worth doing to all at once, where there are several. */
function ForAll({ items, active, fallback }: ForAllProps) {
  const { uploads } = useServices();
  const offering = (offer: string) => items.filter((item) => uploadWords(item).offer === offer).length;
  const failed = items.filter(({ status }) => status === 'failed').length;
  const quiet = { type: 'button', className: 'button button-quiet' } as const;
  return (
    <div className="for-all">
      {offering('pause') > 1 ? (
        <button {...quiet} onClick={() => uploads.actOnAll('pause')}>
          Pause all
        </button>
      ) : null}
      {offering('resume') > 1 ? (
        <button {...quiet} onClick={() => uploads.actOnAll('resume')}>
          Resume all
        </button>
      ) : null}
      {failed > 1 ? (
        <button {...quiet} onClick={() => uploads.actOnAll('retry')}>
          Retry all
        </button>
      ) : null}
      {active > 1 ? (
        <ConfirmButton
          question={{
            title: `Cancel ${active} uploads?`,
            text: 'They are removed from this browser, and what has arrived of them from the server.',
            yes: 'Cancel them',
          }}
          onConfirm={() => {
            fallback.current?.focus();
            uploads.cancelAll();
          }}
        >
          Cancel all
        </ConfirmButton>
      ) : null}
      {items.length - active > 1 ? (
        <button
          {...quiet}
          onClick={() => {
            fallback.current?.focus();
            uploads.removeFinished();
          }}
        >
          Clear finished
        </button>
      ) : null}
    </div>
  );
}

/** What is unusual about where they are kept and who sends them. */
function QueueNotes({ queue, active }: { queue: QueueSnapshot | null; active: number }) {
  if (queue === null || active === 0) return null;
  if (queue.storage.kind === 'memory') {
    return (
      <p className="list-note">
        This browser cannot keep files{queue.storage.reason === null ? '' : ` (${queue.storage.reason})`}. Leave this
        page open until they have arrived.
      </p>
    );
  }
  return queue.role === 'follower' ? (
    <p className="list-note">Another tab is sending them; this one shows the same and takes over when it is closed.</p>
  ) : null;
}

/** The row that had the focus is gone: the next one takes it, or the one before, or the fallback. */
function useFocusAfterRemoval(items: readonly QueueItem[], fallback: RefObject<HTMLElement | null>) {
  const wanted = useRef<{ list: HTMLElement | null; index: number; among: number } | null>(null);
  useLayoutEffect(() => {
    // Until it is gone the list is as long as it was.
    if (wanted.current === null || items.length >= wanted.current.among) return;
    const { list, index } = wanted.current;
    wanted.current = null;
    const rows = list?.isConnected === true ? [...list.children] : [];
    const row = rows[index] ?? rows.at(-1);
    (row?.querySelector<HTMLElement>('.upload-actions button') ?? fallback.current)?.focus();
  }, [items, fallback]);
  const count = useRef(items.length);
  useLayoutEffect(() => {
    count.current = items.length;
  });
  return useCallback((list: HTMLElement | null, index: number) => {
    wanted.current = { list, index, among: count.current };
  }, []);
}
