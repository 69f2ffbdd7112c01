import type { UploadHandle } from '@holdfast/client';
import { useLayoutEffect, useRef } from 'react';
import { plural } from '../format/format.ts';
import { useWatchable } from '../state/store.ts';
import { DropZone } from './drop-zone.tsx';
import { UnfinishedList } from './unfinished-list.tsx';
import { UploadRow } from './upload-row.tsx';
import { useUploads } from './use-uploads.ts';

/** Picking files, and what becomes of them until they are stored. */
export function UploadSection() {
  const { handles, desk } = useUploads();
  const { active } = useWatchable(desk.totals);
  const choose = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const focusNext = useFocusAfterRemoval(handles, () => choose.current);
  const remove = (handle: UploadHandle) => {
    focusNext(list.current, handles.indexOf(handle));
    desk.remove(handle);
  };
  return (
    <>
      <DropZone onFiles={(files) => void desk.addFiles(files)} buttonRef={choose} />
      {handles.length === 0 ? null : (
        <section className="section" aria-labelledby="uploads-title">
          <div className="section-head">
            <h2 id="uploads-title">{active === 0 ? 'Arrived' : `${plural(active, 'file')} on the way`}</h2>
            {handles.length - active > 1 ? (
              <button
                type="button"
                className="button button-quiet"
                onClick={() => {
                  choose.current?.focus();
                  desk.removeFinished();
                }}
              >
                Clear finished
              </button>
            ) : null}
          </div>
          <ul className="rows panel" ref={list}>
            {handles.map((handle) => (
              <UploadRow key={handle.id} handle={handle} onRemove={() => remove(handle)} />
            ))}
          </ul>
        </section>
      )}
      <UnfinishedList onChoose={() => choose.current?.click()} />
    </>
  );
}

/** The row that had the focus is gone: the next one takes it, or the one before, or the button that picks files. */
function useFocusAfterRemoval(handles: readonly UploadHandle[], fallback: () => HTMLElement | null) {
  const wanted = useRef<{ list: HTMLElement | null; index: number } | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: to be done after each change of the list.
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const { list, index } = wanted.current;
    wanted.current = null;
    const rows = list?.isConnected === true ? [...list.children] : [];
    const row = rows[index] ?? rows.at(-1);
    (row?.querySelector<HTMLElement>('.upload-actions button') ?? fallback())?.focus();
  }, [handles]);
  return (list: HTMLElement | null, index: number) => {
    wanted.current = { list, index };
  };
}
