/** What /health asks of each dependency. */
import type { DiskBlobs } from '../blobs/disk/open.ts';
import type { HealthCheck } from '../http/health-routes.ts';
import type { State } from '../state/sql/open.ts';
import type { PipelineNode } from './pipeline-node.ts';

export function healthChecks(parts: {
  state: State;
  disk: DiskBlobs;
  pipeline: PipelineNode;
  reserveBytes: number;
}): HealthCheck[] {
  const { state, disk, pipeline } = parts;
  return [
    {
      name: 'state',
      required: true,
      check: async () => {
        await state.uploads.ping();
        return 'the database answers and can be written to';
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
    { name: 'pipeline', required: false, check: async () => pipeline.describe() },
  ];
}
