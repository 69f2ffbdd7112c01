import { useEffect } from 'react';
import { useServices } from '../app/services.tsx';
import { useWatchable } from '../state/store.ts';

/** What is in this browser's storage goes on at the next visit; only what is nowhere but in this page is worth a question. */
export function useLeaveWarning(): void {
  const { uploads, workshop } = useServices();
  const { onlyHere } = useWatchable(uploads.totals);
  const pieces = useWatchable(workshop.pieces);
  const loses = onlyHere || pieces.length > 0;
  useEffect(() => {
    if (!loses) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [loses]);
}
