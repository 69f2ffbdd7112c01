/** Prometheus metrics; names follow the field's conventions (base units, `_total` for counters). */
import { createHash } from 'node:crypto';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { RunControl } from '../core/ports/run-control.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { UploadObserver } from '../uploads/dependencies.ts';

export interface Metrics {
  readonly registry: Registry;
  /** What `/metrics` answers. */
  readonly page: Pick<Registry, 'contentType' | 'metrics'>;
  readonly observer: UploadObserver;
  request(route: string, method: string, status: number, seconds: number): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const created = new Counter({
    name: 'holdfast_uploads_created_total',
    help: 'Uploads created',
    labelNames: ['protocol'],
    registers,
  });
  const ended = new Counter({
    name: 'holdfast_uploads_ended_total',
    help: 'Uploads ended',
    labelNames: ['outcome'],
    registers,
  });
  const chunks = new Counter({
    name: 'holdfast_chunks_received_total',
    help: 'Chunks acknowledged',
    labelNames: ['duplicate'],
    registers,
  });
  const bytes = new Counter({
    name: 'holdfast_received_bytes_total',
    help: 'Bytes acknowledged for the first time',
    registers,
  });
  const dropped = new Counter({
    name: 'holdfast_dropped_bytes_total',
    help: 'Recorded bytes found damaged and asked for again',
    registers,
  });
  const receiptBuckets = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];
  const receipt = new Histogram({
    name: 'holdfast_chunk_duration_seconds',
    help: 'From the request to the receipt',
    buckets: receiptBuckets,
    registers,
  });
  const finish = new Histogram({
    name: 'holdfast_completion_duration_seconds',
    help: 'From the last receipt to the asset',
    buckets: receiptBuckets,
    registers,
  });
  const http = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Requests by route pattern',
    labelNames: ['method', 'route', 'status'],
    buckets: receiptBuckets,
    registers,
  });
  const observer: UploadObserver = {
    created: (protocol) => created.inc({ protocol }),
    receipt: ({ bytes: length, seconds, duplicate }) => {
      chunks.inc({ duplicate: String(duplicate) });
      if (!duplicate) bytes.inc(length);
      receipt.observe(seconds);
    },
    ended: (outcome) => ended.inc({ outcome }),
    finished: (seconds) => finish.observe(seconds),
    dropped: (length) => dropped.inc(length),
  };
  return {
    registry,
    page: registry,
    observer,
    request: (route, method, status, seconds) => http.observe({ route, method, status: String(status) }, seconds),
  };
}

/** Gauges that are read from the stores when they are scraped. */
export function addStoreGauges(
  registry: Registry,
  stores: {
    uploads: UploadStore;
    ledger: LedgerStore;
    control: Pick<RunControl, 'classes'>;
    streams: () => number;
  },
): void {
  const registers = [registry];
  new Gauge({
    name: 'holdfast_uploads',
    help: 'Uploads by state',
    labelNames: ['state'],
    // Every process reads the same from the state.
    aggregator: 'first',
    registers,
    async collect() {
      this.reset();
      for (const [state, count] of Object.entries(await stores.uploads.countByPhase())) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'holdfast_steps',
    help: 'Pipeline steps by state',
    labelNames: ['state'],
    // Every process reads the same from the state.
    aggregator: 'first',
    registers,
    async collect() {
      this.reset();
      for (const [state, count] of Object.entries(await stores.ledger.countByState())) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'holdfast_class_steps',
    help: 'Pipeline steps that wait for a place or run, by class, on all nodes',
    labelNames: ['class', 'state'],
    aggregator: 'first',
    registers,
    async collect() {
      this.reset();
      for (const { name, pending, running } of await stores.control.classes()) {
        this.set({ class: name, state: 'pending' }, pending);
        this.set({ class: name, state: 'running' }, running);
      }
    },
  });
  new Gauge({
    name: 'holdfast_event_streams',
    help: 'Open event streams',
    registers,
    collect() {
      this.set(stores.streams());
    },
  });
}

/**
 * Metrics for whoever is no administrator: paths of watched folders and hosts of webhooks are nobody else's business. In their place are
 * digests, those of folders being the ids that the API has for them, so that every series and alert is there still.
 */
export function withoutPlaces(text: string): string {
  return text.replace(/\b(folder|host)="((?:[^"\\]|\\.)*)"/g, (_all, label: string, escaped: string) => {
    const place = escaped.replace(/\\(.)/g, (_pair, letter: string) => (letter === 'n' ? '\n' : letter));
    return `${label}="${createHash('sha256').update(place).digest('hex').slice(0, 16)}"`;
  });
}
