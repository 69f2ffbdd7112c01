/** The frame around every page. */
import { useEffect, useRef } from 'react';
import { ActivityPage } from '../activity/activity-page.tsx';
import { AssetPage } from '../asset/asset-page.tsx';
import { useEventStream } from '../events/use-event-stream.ts';
import { HealthPage } from '../health/health-page.tsx';
import { HomePage } from '../library/home-page.tsx';
import { ProcessingPage } from '../processing/processing-page.tsx';
import { addressOf, useNavigation } from '../routing/navigation.tsx';
import { type Route, routePath } from '../routing/route.ts';
import { useWatchable } from '../state/store.ts';
import { useLeaveWarning } from '../uploads/use-leave-warning.ts';
import { useOwnQueue } from '../uploads/use-uploads.ts';
import { ConnectionNote } from './connection-note.tsx';
import { LiveRegion } from './live-region.tsx';
import { Masthead } from './masthead.tsx';
import { MissingPage } from './missing-page.tsx';
import { useServices } from './services.tsx';
import { SignIn } from './sign-in.tsx';
import { useKeptFocus } from './use-kept-focus.ts';

export function App() {
  const { session } = useServices();
  const { signedOut } = useWatchable(session);
  const { route } = useNavigation();
  useLeaveWarning();
  useNoStrayDrops();
  const main = useFocusOnNewPage(signedOut ? 'sign-in' : (routePath(route).split('?', 1)[0] ?? ''));
  useKeptFocus(main);
  return (
    <>
      <a className="skip-link" href={`${addressOf(route)}#main`}>
        Skip to the content
      </a>
      <Masthead route={route} />
      <main id="main" ref={main} tabIndex={-1}>
        {signedOut ? <SignIn /> : <SignedInPage route={route} />}
      </main>
      <LiveRegion />
    </>
  );
}

function SignedInPage({ route }: { route: Route }) {
  // Kept open across pages, so that changing the page does not connect anew.
  const connection = useEventStream();
  useOwnQueue(connection);
  return (
    <>
      <ConnectionNote connection={connection} />
      <Page route={route} />
    </>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'home':
      return <HomePage search={route.search ?? ''} />;
    case 'asset':
      return <AssetPage key={route.id} id={route.id} at={route.at ?? null} />;
    case 'processing':
      return <ProcessingPage />;
    case 'activity':
      return <ActivityPage />;
    case 'health':
      return <HealthPage />;
    case 'missing':
      return <MissingPage path={route.path} />;
  }
}

/** Where nothing takes a dropped file, the browser would open it in place of the page. */
function useNoStrayDrops(): void {
  useEffect(() => {
    const refuse = (event: DragEvent) => {
      if (event.defaultPrevented || event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'none';
    };
    const stop = new AbortController();
    for (const type of ['dragover', 'drop'] as const) window.addEventListener(type, refuse, { signal: stop.signal });
    return () => stop.abort();
  }, []);
}

/** A new page starts at its top for keyboards and screen readers too, as it would had the browser loaded it. */
function useFocusOnNewPage(page: string) {
  const main = useRef<HTMLElement>(null);
  const shown = useRef(page);
  useEffect(() => {
    if (shown.current === page) return;
    shown.current = page;
    main.current?.focus({ preventScroll: true });
  }, [page]);
  return main;
}
