import { type Asset, shownName } from '@holdfast/protocol';
import { type RefObject, useId, useRef, useState } from 'react';
import { messageOf } from '../api/api-error.ts';
import { FileName } from '../app/file-name.tsx';
import { Icon } from '../app/icon.tsx';
import { useServices } from '../app/services.tsx';
import { addressOf, useNavigation } from '../routing/navigation.tsx';
import { deletionWords } from './deletion-words.ts';

/** Asks, because it cannot be undone, and leads to the library once it is done. */
export function DeleteAsset({ asset }: { asset: Asset }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [title, text] = [useId(), useId()];
  const { busy, problem, ask, keep, confirm } = useDeletion(asset, dialog);
  return (
    <div className="asset-end">
      <button type="button" className="button button-quiet" onClick={ask}>
        <Icon name="bin" />
        Delete
      </button>
      <dialog
        ref={dialog}
        className="confirm"
        aria-labelledby={title}
        aria-describedby={text}
        // What is under way cannot be taken back: its end is waited for.
        onCancel={(event) => {
          if (busy) event.preventDefault();
        }}
      >
        <h2 id={title}>
          Delete “<FileName name={asset.filename} />
          ”?
        </h2>
        <p id={text}>{deletionWords(asset)}</p>
        {problem === null ? null : (
          <p role="alert" className="problem">
            {problem}
          </p>
        )}
        <div className="confirm-actions">
          <button type="button" className="button" aria-disabled={busy} onClick={keep}>
            Keep
          </button>
          <button type="button" className="button button-danger" aria-disabled={busy} onClick={() => void confirm()}>
            {busy ? 'Deleting …' : 'Delete'}
          </button>
        </div>
      </dialog>
    </div>
  );
}

function useDeletion({ id, filename }: Asset, dialog: RefObject<HTMLDialogElement | null>) {
  const { api, uploads, deletions } = useServices();
  const { leaveFor } = useNavigation();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const ask = () => {
    setProblem(null);
    dialog.current?.showModal();
  };
  const keep = () => {
    if (!busy) dialog.current?.close();
  };
  const confirm = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await api.deleteAsset(id);
    } catch (error) {
      setBusy(false);
      setProblem(messageOf(error));
      // Somebody went back meanwhile.
      if (dialog.current === null) uploads.note(`“${shownName(filename)}” is not deleted: ${messageOf(error)}`, 'bad');
      return;
    }
    // “Stored and verified” is not true of them any more.
    for (const item of uploads.queue.getSnapshot()?.items ?? [])
      if (item.status === 'completed' && item.assetId === id) uploads.remove(item);
    uploads.note(`“${shownName(filename)}” is deleted.`, 'calm');
    deletions.update((count) => count + 1);
    if (window.location.pathname === addressOf({ page: 'asset', id })) leaveFor({ page: 'home' });
  };
  return { busy, problem, ask, keep, confirm };
}
