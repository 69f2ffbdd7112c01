import { formatPercent, plural } from '../format/format.ts';
import { Link } from '../routing/navigation.tsx';
import type { Route } from '../routing/route.ts';
import { useWatchable } from '../state/store.ts';
import { totalWords } from '../uploads/listed.ts';
import { ConfirmButton } from './confirm-button.tsx';
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
  const totals = useWatchable(useServices().uploads.totals);
  const words = totalWords(totals);
  if (words === null) return null;
  return (
    <Link to={{ page: 'home' }} className="on-the-way">
      {totals.active > totals.stuck ? `${words}, ${formatPercent(totals.fraction)}` : words}
    </Link>
  );
}

/** Whoever signs out leaves nothing of theirs in this browser. */
function SignOut() {
  const { api, session, uploads, workshop } = useServices();
  const { active: sending } = useWatchable(uploads.totals);
  const active = sending + useWatchable(workshop.pieces).length;
  const leave = async () => {
    await uploads.wipe().catch(() => undefined);
    const told = await api.signOut().then(
      () => true,
      () => false,
    );
    session.left({ told });
  };
  const question = {
    title: `${plural(active, 'file')} not sent yet`,
    text: 'Signing out removes them from this browser. What has arrived is kept for a while: choose the same files again to go on.',
    yes: 'Sign out',
  };
  return (
    <ConfirmButton question={active === 0 ? null : question} onConfirm={() => void leave()}>
      Sign out
    </ConfirmButton>
  );
}
