/** Moving between pages without loading them anew. */
import { createContext, type MouseEvent, type ReactNode, useContext, useMemo, useSyncExternalStore } from 'react';
import { basePathOf, underBase, withoutBase } from './base.ts';
import { parseRoute, type Route, routePath } from './route.ts';

interface Navigation {
  readonly route: Route;
  go(route: Route): void;
  /** Another address for what is shown: no step back in the history, no scrolling. */
  replace(route: Route): void;
  /** Another page in place of one that is no more: going back does not lead there. */
  leaveFor(route: Route): void;
}

const NavigationContext = createContext<Navigation | null>(null);

// `pushState` fires no event of its own.
const navigated = 'holdfast:navigated';

const base = () => basePathOf(document.baseURI);

/** Whole, because the page's <base> would send a bare fragment to the first page. */
export function addressOf(route: Route): string {
  return underBase(base(), routePath(route));
}

function watchAddress(listener: () => void): () => void {
  window.addEventListener('popstate', listener);
  window.addEventListener(navigated, listener);
  return () => {
    window.removeEventListener('popstate', listener);
    window.removeEventListener(navigated, listener);
  };
}

export function NavigationProvider({ children }: { children: ReactNode }) {
  const path = useSyncExternalStore(
    watchAddress,
    () => withoutBase(base(), window.location.pathname) + window.location.search,
  );
  const navigation = useMemo<Navigation>(
    () => ({
      route: parseRoute(path),
      go(route) {
        window.history.pushState(null, '', addressOf(route));
        window.scrollTo(0, 0);
        window.dispatchEvent(new Event(navigated));
      },
      replace(route) {
        window.history.replaceState(null, '', addressOf(route));
        window.dispatchEvent(new Event(navigated));
      },
      leaveFor(route) {
        window.history.replaceState(null, '', addressOf(route));
        window.scrollTo(0, 0);
        window.dispatchEvent(new Event(navigated));
      },
    }),
    [path],
  );
  return <NavigationContext value={navigation}>{children}</NavigationContext>;
}

export function useNavigation(): Navigation {
  const navigation = useContext(NavigationContext);
  if (navigation === null) throw new Error('useNavigation needs a NavigationProvider above it.');
  return navigation;
}

interface LinkProps {
  to: Route;
  className?: string;
  current?: boolean;
  children: ReactNode;
}

/** A real link: opening in a new tab, copying its address and so on stay the browser's. */
export function Link({ to, className, current = false, children }: LinkProps) {
  const { go } = useNavigation();
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={addressOf(to)} className={className} aria-current={current ? 'page' : undefined} onClick={follow}>
      {children}
    </a>
  );
}
