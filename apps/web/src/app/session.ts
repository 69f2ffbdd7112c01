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
  /** Somebody signed out. */
  left(): void;
  /** The server said who it is. */
  belongsTo(owner: string): void;
  /** Who it was at the last visit: uploads go on before the server has answered. Null when nobody knows. */
  lastOwner(): string | null;
}

const signedInKey = 'holdfast.signed-in';
const ownerKey = 'holdfast.owner';

export function createSession(storage: Storage | null): Session {
  const store = createStore<SessionState>({ signedOut: false, canSignOut: recall(storage, signedInKey) === '1' });
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
      store.set({ signedOut: false, canSignOut: true });
    },
    left() {
      record(storage, ownerKey, null);
      lost();
    },
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
