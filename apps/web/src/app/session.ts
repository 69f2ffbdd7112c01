/**
 * Whether the server lets us in. States: open (also a server that asks for nothing) ⇄ signed-out (a 401 came). The key itself is
 * never kept: the server turns it into a cookie that scripts cannot read. What is kept is only that there is something to sign out of.
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
}

const flag = 'holdfast.signed-in';

export function createSession(storage: Storage | null): Session {
  const store = createStore<SessionState>({ signedOut: false, canSignOut: recall(storage) });
  return {
    ...store,
    lost() {
      record(storage, false);
      store.set({ signedOut: true, canSignOut: false });
    },
    signedIn() {
      record(storage, true);
      store.set({ signedOut: false, canSignOut: true });
    },
  };
}

function recall(storage: Storage | null): boolean {
  try {
    return storage?.getItem(flag) === '1';
  } catch {
    return false;
  }
}

function record(storage: Storage | null, signedIn: boolean): void {
  try {
    if (signedIn) storage?.setItem(flag, '1');
    else storage?.removeItem(flag);
  } catch {
    // Refused: the sign-out button is then missing after a reload, nothing else.
  }
}
