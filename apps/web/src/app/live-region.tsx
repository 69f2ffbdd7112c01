import { useWatchable } from '../state/store.ts';
import { useServices } from './services.tsx';

export function LiveRegion() {
  const { announcer } = useServices();
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {useWatchable(announcer)}
    </div>
  );
}
