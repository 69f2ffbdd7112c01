import { formatPercent } from '../format/format.ts';
import { Link } from '../routing/navigation.tsx';
import type { Route } from '../routing/route.ts';
import { useWatchable } from '../state/store.ts';
import { Mark } from './icon.tsx';
import { useServices } from './services.tsx';

export function Masthead({ route }: { route: Route }) {
  const { session } = useServices();
  const { canSignOut } = useWatchable(session);
  return (
    <header className="masthead">
      <Link to={{ page: 'home' }} className="wordmark" current={route.page === 'home'}>
        <Mark />
        Holdfast
      </Link>
      <nav aria-label="Pages" className="masthead-pages">
        <Link to={{ page: 'home' }} current={route.page === 'home'}>
          Library
        </Link>
        <Link to={{ page: 'processing' }} current={route.page === 'processing'}>
          Processing
        </Link>
        <Link to={{ page: 'activity' }} current={route.page === 'activity'}>
          Activity
        </Link>
        <Link to={{ page: 'health' }} current={route.page === 'health'}>
          Health
        </Link>
      </nav>
      <div className="masthead-end">
        {route.page === 'home' ? null : <UploadsOnTheWay />}
        {canSignOut ? <SignOut /> : null}
      </div>
    </header>
  );
}

/** So that somebody who watches a film knows that the others are still arriving. */
function UploadsOnTheWay() {
  const { active, fraction } = useWatchable(useServices().uploads.totals);
  if (active === 0) return null;
  return (
    <Link to={{ page: 'home' }} className="on-the-way">
      {active === 1 ? '1 file' : `${active} files`} on the way, {formatPercent(fraction)}
    </Link>
  );
}

function SignOut() {
  const { api, session } = useServices();
  const leave = async () => {
    await api.signOut().catch(() => undefined);
    session.lost();
  };
  return (
    <button type="button" className="button button-quiet" onClick={() => void leave()}>
      Sign out
    </button>
  );
}
