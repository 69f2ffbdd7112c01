/** Sessions of browsers that were ended before their time. Those that hold are kept nowhere: their cookies are signed. */
import type { Millis, Sha256 } from '../upload.ts';

export interface EndedSession {
  /** By the digest of what tells it from others. */
  readonly digest: Sha256;
  /** When it would have ended by itself: from then on nobody needs to know. */
  readonly endsAt: Millis;
}

export interface SessionStore {
  /** Durable when it resolves; ending one twice is fine. Forgets those that have ended by themselves. */
  end(session: EndedSession, now: Millis): Promise<void>;
  /** Every process sees what another one ended. */
  isEnded(digest: Sha256): Promise<boolean>;
}
