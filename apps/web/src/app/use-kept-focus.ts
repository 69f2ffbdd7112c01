import { type RefObject, useEffect } from 'react';

/** When what has the focus goes away, the focus goes to what is left around it: the next Tab would begin at the top of the page otherwise. */
export function useKeptFocus(root: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = root.current;
    if (element === null) return;
    // What has the focus, and what it is in, up to the root.
    let path: readonly HTMLElement[] = [];
    const stop = new AbortController();
    const { signal } = stop;
    element.addEventListener('focusin', (event) => (path = pathOf(event.target, element)), { signal });
    const observer = new MutationObserver(() => {
      if (document.activeElement !== document.body || path[0]?.isConnected !== false) return;
      const left = path.find(({ isConnected }) => isConnected);
      path = [];
      if (left !== undefined) focusOn(left);
    });
    observer.observe(element, { childList: true, subtree: true });
    return () => {
      observer.disconnect();
      stop.abort();
    };
  }, [root]);
}

function pathOf(target: EventTarget | null, root: HTMLElement): HTMLElement[] {
  const path: HTMLElement[] = [];
  for (let at = target instanceof HTMLElement ? target : null; at !== null; at = at.parentElement) {
    path.push(at);
    if (at === root) break;
  }
  return path;
}

/** Not on a button in it: a key that is still held down would press that. */
function focusOn(element: HTMLElement): void {
  if (!element.hasAttribute('tabindex')) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}
