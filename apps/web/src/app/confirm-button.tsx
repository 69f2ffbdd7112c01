import { type ReactNode, useId, useRef, useState } from 'react';

interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
}

interface ConfirmButtonProps {
  readonly children: ReactNode;
  /** Null: nothing to ask. */
  readonly question: Question | null;
  readonly onConfirm: () => void;
}

/** A button that asks before it does what cannot be undone. */
export function ConfirmButton({ children, question, onConfirm }: ConfirmButtonProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  // What was asked stays, also when there is nothing to ask any more: nobody can answer an empty question.
  const [asked, setAsked] = useState(question);
  const shown = question ?? asked;
  const click = () => {
    if (question === null) {
      onConfirm();
      return;
    }
    setAsked(question);
    dialog.current?.showModal();
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
        <h2 id={title}>{shown?.title}</h2>
        <p>{shown?.text}</p>
        <div className="confirm-actions">
          <button type="button" className="button" onClick={() => close(false)}>
            No
          </button>
          <button type="button" className="button button-primary" onClick={() => close(true)}>
            {shown?.yes}
          </button>
        </div>
      </dialog>
    </>
  );
}
