/** What a program that runs a node passes in. */
import type { Logger } from 'pino';
import type { Config } from '../config/schema.ts';
import type { HoldfastError } from '../core/errors.ts';
import type { CrashPoints } from '../core/ports/crash-points.ts';
import type { AuthHook } from '../http/auth.ts';
import type { WatchNews } from '../watch/watcher.ts';
import type { Seat } from './processes/seat.ts';

export interface NodeOptions {
  readonly config: Config;
  /** Default: JSON lines on standard output, from the level of `logLevel` on. */
  readonly log?: Logger;
  readonly crash?: CrashPoints;
  /** The embedding program's own authentication; null: only the built-in ways. */
  readonly authenticate?: AuthHook | null;
  /** Hears what becomes of watched files, from the first one on. */
  readonly watchNews?: (news: WatchNews) => void;
  /** Default: the only process of its server. */
  readonly seat?: Seat;
  /** The node may not go on, because another process has its name now: close it and end. By default it is logged. */
  readonly onLost?: (error: HoldfastError) => void;
}
