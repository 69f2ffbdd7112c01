import { useEffect } from 'react';
import { useServices } from '../app/services.tsx';
import { useWatchable } from '../state/store.ts';

/** Leaving loses nothing that is stored, but somebody has to pick the files again: worth a question. */
export function useLeaveWarning(): void {
  const { active } = useWatchable(useServices().uploads.totals);
  const sending = active > 0;
  useEffect(() => {
    if (!sending) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [sending]);
}
