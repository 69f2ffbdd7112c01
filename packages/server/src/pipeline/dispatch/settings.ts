/** What the runner works with; everything is passed in. */
import type { ArtifactStore } from '../../core/ports/artifact-store.ts';
import type { BlobStore } from '../../core/ports/blob-store.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { CrashPoints } from '../../core/ports/crash-points.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { Tracing } from '../../core/ports/tracing.ts';
import type { StepLog, StepSecrets } from '../context.ts';
import type { StepDefinition } from '../definition.ts';
import type { MediaTools } from '../media/tools.ts';

export interface RunnerSettings {
  readonly ledger: LedgerStore;
  readonly artifacts: ArtifactStore;
  readonly assets: Pick<BlobStore, 'localAsset'>;
  /** All steps that this node can do, of all pipelines. */
  readonly steps: readonly StepDefinition[];
  readonly tools: MediaTools;
  /** Default: none. */
  readonly secrets?: StepSecrets;
  readonly clock: Clock;
  readonly log: StepLog;
  /** Default: none. */
  readonly tracing?: Tracing;
  readonly crashPoints: CrashPoints;
  /** 0 … 1, for jitter. */
  readonly random: () => number;
  /** Name of this node; the same after a restart, so that it can take back what it was at. */
  readonly holder: string;
  /** How many steps of each class may run at once; classes that are not named are left to other nodes. */
  readonly limits: Readonly<Record<string, number>>;
  /** How many steps of a class may run at once on all nodes together; classes that are not named: as many as the nodes have room for. */
  readonly clusterLimits?: Readonly<Record<string, number>>;
  /** A step whose node is silent for this long goes to another. Heartbeats come three times as often. */
  readonly leaseMs: number;
  /** Looks for due steps at least this often, for those that other processes created. */
  readonly pollMs: number;
  /** `stop` waits that long for steps that were told to let go. */
  readonly stopMs: number;
}
