/** What /health asks of each dependency. */
import type { BlobStores } from '../core/ports/blob-stores.ts';
import type { HealthCheck } from '../http/health-routes.ts';
import type { State } from '../state/sql/open.ts';
import type { PipelineNode } from './pipeline-node.ts';
import type { Presence } from './presence.ts';

export function healthChecks(parts: {
  state: State;
  disk: BlobStores;
  presence: Presence | null;
  pipeline: PipelineNode;
  reserveBytes: number;
}): HealthCheck[] {
  const { state, disk, presence, pipeline } = parts;
  return [
    {
      name: 'state',
      required: true,
      check: async () => {
        await state.uploads.ping();
        return `can be written to: ${await state.describe()}`;
      },
    },
    {
      name: 'storage',
      required: true,
      check: async () => {
        await disk.blobs.ping();
        const free = await disk.blobs.freeBytes();
        if (free !== null && free <= 0) throw new Error('the disk is full up to its reserve');
        return free === null
          ? 'can be written to'
          : `can be written to, ${Math.floor(free / 1024 ** 2)} MiB left for uploads`;
      },
    },
    ...(presence === null ? [] : [nodesCheck(state, presence)]),
    { name: 'pipeline', required: false, check: async () => pipeline.describe() },
  ];
}

const skewMsMax = 2_000;

/** Who works on this state together, and whether this node's clock fits the database's. */
function nodesCheck(state: State, presence: Presence): HealthCheck {
  return {
    name: 'nodes',
    required: false,
    check: async () => {
      const living = await state.nodes.living();
      const names = living.map(({ name, role }) => `${name}${role === 'all' ? '' : ` (${role})`}`).join(', ');
      const { skewMs } = presence;
      if (Math.abs(skewMs) > skewMsMax)
        throw new Error(
          `the clock is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} the database's; living: ${names}`,
        );
      return `living: ${names}`;
    },
  };
}
