import { type ReactNode, useId, useRef } from 'react';

interface ConfirmButtonProps {
  readonly children: ReactNode;
  /** Null: nothing to ask. */
  readonly question: { readonly title: string; readonly text: string; readonly yes: string } | null;
  readonly onConfirm: () => void;
}

/** A button that asks before it does what cannot be undone. */
export function ConfirmButton({ children, question, onConfirm }: ConfirmButtonProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const click = () => {
    if (question === null) onConfirm();
    else dialog.current?.showModal();
  };
  const close = (confirmed: boolean) => {
    dialog.current?.close();
    if (confirmed) onConfirm();
  };
  return (
    <>
      <button type="button" className="button button-quiet" onClick={click}>
        {children}
      </button>
      <dialog ref={dialog} className="confirm" aria-labelledby={title}>
        <h2 id={title}>{question?.title}</h2>
        <p>{question?.text}</p>
        <div className="confirm-actions">
          <button type="button" className="button" onClick={() => close(false)}>
            No
          </button>
          <button type="button" className="button button-primary" onClick={() => close(true)}>
            {question?.yes}
          </button>
        </div>
      </dialog>
    </>
  );
}
