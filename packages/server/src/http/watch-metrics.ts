/** Prometheus metrics of watched folders, by path: there are few, and operators choose them. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { FolderStatus, WatchObserver } from '../core/ports/watch-admin.ts';

export function watchMetrics(registry: Registry): WatchObserver {
  const registers = [registry];
  const labelNames = ['folder'];
  const taken = new Counter({
    name: 'holdfast_watch_files_taken_total',
    help: 'Watched files taken: reflink, link, copy, in-place; none: the content was there already',
    labelNames: ['folder', 'how'],
    registers,
  });
  const bytes = new Counter({
    name: 'holdfast_watch_taken_bytes_total',
    help: 'Bytes of watched files whose content was read',
    labelNames,
    registers,
  });
  const ended = new Counter({
    name: 'holdfast_watch_files_ended_total',
    help: 'Watched files whose outcome is known',
    labelNames: ['folder', 'outcome'],
    registers,
  });
  const scans = new Histogram({
    name: 'holdfast_watch_scan_duration_seconds',
    help: 'Scans of watched folders',
    labelNames,
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
    registers,
  });
  return {
    scanned: (folder, { seconds }) => scans.observe({ folder: folder.path }, seconds),
    taken: (folder, { how, bytes: size }) => {
      taken.inc({ folder: folder.path, how });
      if (how !== 'none') bytes.inc({ folder: folder.path }, size);
    },
    ended: (folder, outcome) => ended.inc({ folder: folder.path, outcome }),
  };
}

/** `folders` is asked when metrics are scraped. */
export function addWatchGauges(registry: Registry, folders: () => Promise<readonly FolderStatus[]>): void {
  new Gauge({
    name: 'holdfast_watch_files',
    help: 'Files in watched folders by state',
    labelNames: ['folder', 'state'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { folder, counts } of await folders())
        for (const state of ['waiting', 'taken', 'ended', 'moving', 'done', 'ignored'] as const)
          this.set({ folder: folder.path, state }, counts[state]);
    },
  });
  new Gauge({
    name: 'holdfast_watch_folder_up',
    help: '1 while a watched folder is watched, 0 while it is offline, paused or failing',
    labelNames: ['folder'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { folder, state } of await folders())
        this.set({ folder: folder.path }, state === 'watching' || state === 'starting' ? 1 : 0);
    },
  });
}
