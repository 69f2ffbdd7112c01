/**
 * Which nodes work on a state, and which of them looks after what only one may. Times are the store's own, so that clocks of nodes may
 * differ.
 */
import type { Millis } from '../upload.ts';

export interface NodeFacts {
  /** The same after a restart; no two living nodes have the same. */
  readonly name: string;
  /** Never the same again. */
  readonly process: string;
  readonly host: string;
  readonly pid: number;
  readonly role: string;
  readonly version: string;
}

export interface KnownNode extends NodeFacts {
  readonly startedAt: Millis;
  readonly seenAt: Millis;
}

/** What a node hears when it shows that it lives. */
export type Presence =
  /** The name is this process's for as long as it asked for; `now` is the store's clock. */
  | { readonly kind: 'present'; readonly now: Millis }
  /** Another process has the name, and showed itself `silentMs` ago (null: it has left just now); it is free in `freeInMs` unless that one shows itself again. */
  | {
      readonly kind: 'taken';
      readonly by: KnownNode | null;
      readonly silentMs: number;
      readonly freeInMs: number;
    };

export interface NodeRegistry {
  /**
   * Takes the name or keeps it, for `goodForMs`. `dead` is a process that had the name and is known to have ended: it is not waited for.
   * Two processes never have a name at the same time.
   */
  show(node: NodeFacts, goodForMs: number, dead?: string | null): Promise<Presence>;
  /** Gives the name up. Without effect when another process has it. */
  leave(node: Pick<NodeFacts, 'name' | 'process'>): Promise<void>;
  /** Those whose time has not run out, by name. */
  living(): Promise<readonly KnownNode[]>;
}

/** The right to look after something alone. */
export interface Lease {
  /** Rises whenever the lease goes to another process. */
  readonly fence: number;
  /** Rises with every `want`. */
  readonly wanted: number;
}

export interface Leases {
  /** Takes the lease or renews it, for `goodForMs`; null while another process has it. */
  hold(
    name: string,
    holder: { readonly process: string; readonly node: string },
    goodForMs: number,
  ): Promise<Lease | null>;
  /** Gives it up; others have it at once. Without effect when another process has it. */
  release(name: string, process: string): Promise<void>;
  /** Tells the holder that something is wanted of it: it sees that when it renews. Without effect when nobody ever had the lease. */
  want(name: string): Promise<void>;
  /** The node that has it; null: nobody. */
  holder(name: string): Promise<string | null>;
}
