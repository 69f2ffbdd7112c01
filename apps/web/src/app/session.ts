/**
 * Whether the server lets us in, and as whom. States: open (also a server that asks for nothing) ⇄ signed-out (a 401 came). The key itself
 * is never kept: the server turns it into a cookie that scripts cannot read. What is kept is only that there is something to sign out of,
 * and whose uploads wait in this browser.
 */
import { createStore, type Watchable } from '../state/store.ts';

export interface SessionState {
  readonly signedOut: boolean;
  /** There is a cookie to give back. */
  readonly canSignOut: boolean;
}

export interface Session extends Watchable<SessionState> {
  /** The server answered 401. */
  lost(): void;
  signedIn(): void;
  /** Somebody signed out. `told`: the server knows; else the cookie is still there, and whoever comes next must not go in with it. */
  left(how: { readonly told: boolean }): void;
  /** Whether the server is still to be told that somebody signed out. */
  owesSignOut(): boolean;
  /** It has been told. */
  signOutTold(): void;
  /** The server said who it is. */
  belongsTo(owner: string): void;
  /** Who it was at the last visit: uploads go on before the server has answered. Null when nobody knows. */
  lastOwner(): string | null;
}

const signedInKey = 'holdfast.signed-in';
const ownerKey = 'holdfast.owner';
const owedKey = 'holdfast.sign-out-owed';

export function createSession(storage: Storage | null): Session {
  const owesSignOut = () => recall(storage, owedKey) === '1';
  const store = createStore<SessionState>({
    signedOut: owesSignOut(),
    canSignOut: recall(storage, signedInKey) === '1',
  });
  const lost = () => {
    record(storage, signedInKey, null);
    store.set({ signedOut: true, canSignOut: false });
  };
  return {
    ...store,
    lost,
    signedIn() {
      record(storage, signedInKey, '1');
      // Perhaps somebody else than the last time.
      record(storage, ownerKey, null);
      // The cookie is another one now.
      record(storage, owedKey, null);
      store.set({ signedOut: false, canSignOut: true });
    },
    left({ told }) {
      record(storage, ownerKey, null);
      if (!told) record(storage, owedKey, '1');
      lost();
    },
    owesSignOut,
    signOutTold: () => record(storage, owedKey, null),
    belongsTo: (owner) => record(storage, ownerKey, owner),
    lastOwner: () => recall(storage, ownerKey),
  };
}

function recall(storage: Storage | null, key: string): string | null {
  try {
    return storage?.getItem(key) ?? null;
  } catch {
    return null;
  }
}

function record(storage: Storage | null, key: string, value: string | null): void {
  try {
    if (value === null) storage?.removeItem(key);
    else storage?.setItem(key, value);
  } catch {
    // Refused: the page works, and asks again at the next visit.
  }
}
