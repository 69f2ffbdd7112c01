/** Who asks something of the upload service, as the HTTP layer found out. Dialects pass it on as it is. */
import type { Grant } from '../core/grant.ts';

export interface Caller {
  /** Whose uploads are meant. */
  readonly principal: string;
  /** Narrows what may be asked to one upload within bounds; null: everything of the principal. */
  readonly grant?: Grant | null;
  /**
   * Asks once more whether the credentials hold; called before an upload completes, because a body can take long to come and a token can
   * end meanwhile. Rejects with `unauthenticated` or `token-expired`. Null where credentials cannot change while the server runs.
   */
  readonly confirm?: (() => Promise<void>) | null;
}

/** Whose upload is meant. */
export interface Handle extends Caller {
  readonly id: string;
}
