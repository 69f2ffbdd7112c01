/**
 * The seat of a process in its server: alone, or one of several over the same folder. What is there once for the whole server (steps,
 * watched folders, webhooks, clean-up) is done by the first process; the others ask it.
 */
import type { Registry } from 'prom-client';
import { beginRun, type LastRun, type OpenRun, readBootRecord } from '../../blobs/disk/boot-record.ts';
import { processesMax } from '../../config/process-settings.ts';
import type { OutsideFile, OutsideFiles } from '../../core/ports/blob-stores.ts';
import type { HealthCheck } from '../../http/health-routes.ts';
import { type InstanceLock, lockInstance, shareInstance } from '../../state/sql/instance-lock.ts';
import type { PipelineNode } from '../pipeline-node.ts';
import type { Link } from './link.ts';

export interface Seat {
  /** Whether this process does what is there once for the whole server. */
  readonly background: boolean;
  /** Processes of the server. */
  readonly count: number;
  /** Name of its working folder in the data folder. */
  readonly scratch: string;
  /** Name of the node for a seat among several nodes. */
  nodeName(name: string): string;
  lock(dataDir: string): InstanceLock;
  /** Names in leases whose processes are not started any more. */
  retired(node: string): readonly string[];
  /** What the state has to know about others at the same database. */
  shared(process: string, holder: string): { readonly sharedAs?: string; readonly succeeds?: string };
  /** How the server ended last, as far as this process has to make up for it. */
  lastRun(dataDir: string, bootId: string | null): Promise<LastRun>;
  beginRun(dataDir: string, bootId: string | null): Promise<OpenRun>;
  /** `start` here, or a way to the process that did. */
  pipeline(start: () => PipelineNode): PipelineNode;
  /** `local` itself, or the same of the process that does this for all. `methods`: those that are asked for. */
  once<T extends object>(name: string, methods: readonly (keyof T & string)[], local: T): T;
  /** Where assets are that are not in the store: what one process learns, all know. */
  followOutside(outside: OutsideFiles): void;
  /** Does something here and in the other processes of the server. */
  everywhere(name: string, act: (fact: string) => void): (fact: string) => void;
  /** Metrics of the whole server. */
  scraped(own: Registry): Pick<Registry, 'contentType' | 'metrics'>;
  readonly health: readonly HealthCheck[];
}

export const alone: Seat = {
  background: true,
  count: 1,
  scratch: 'scratch',
  nodeName: (name) => name,
  lock: lockInstance,
  retired: (node) => slotsFrom(node, 2),
  shared: () => ({}),
  lastRun: readBootRecord,
  beginRun,
  pipeline: (start) => start(),
  once: (_name, _methods, local) => local,
  followOutside: () => {},
  everywhere: (_name, act) => act,
  scraped: (own) => own,
  health: [],
};

export interface WorkerFacts {
  /** Counted from 1. */
  readonly index: number;
  readonly count: number;
  /** The first process of a server that has just started: nobody else is at work in the folder. */
  readonly fresh: boolean;
}

/** Of a worker under a supervisor. */
export function workerSeat({ index, count, fresh }: WorkerFacts, link: Link): Seat {
  const background = index === 1;
  return {
    background,
    count,
    scratch: background ? 'scratch' : `scratch-${index}`,
    nodeName: (name) => slotName(name, index),
    lock: shareInstance,
    retired: (node) => (fresh ? slotsFrom(node, count + 1) : []),
    // The name of a process begins with that of its slot, whose last process is dead before the next one starts; at a fresh start all are.
    shared: (process, holder) => ({ sharedAs: process, succeeds: fresh ? '' : `${holder}/` }),
    lastRun: (dataDir, bootId) => (fresh ? readBootRecord(dataDir, bootId) : Promise.resolve('process-ended')),
    beginRun: async (dataDir, bootId) => {
      if (fresh) await beginRun(dataDir, bootId);
      // The supervisor records the clean end, when all processes have closed.
      return { markClean: async () => {} };
    },
    pipeline: (start) => (background ? answeringPipeline(start(), link) : remotePipeline(link)),
    once: (name, methods, local) => (background ? answering(name, methods, local, link) : remote(name, methods, link)),
    followOutside: (outside) => (background ? tellOutside(outside, link) : hearOutside(outside, link)),
    everywhere: (name, act) => {
      link.answer(name, act);
      return (fact) => {
        act(fact);
        link.tell('everywhere', name, fact);
      };
    },
    scraped: (own) => {
      link.answer('own-metrics', () => own.getMetricsAsJSON());
      return { contentType: own.contentType, metrics: () => link.ask<string>('metrics') };
    },
    health: [{ name: 'processes', required: false, check: () => link.ask<string>('processes') }],
  };
}

function slotName(node: string, index: number): string {
  return index === 1 ? node : `${node}-${index}`;
}

function slotsFrom(node: string, first: number): string[] {
  return Array.from({ length: processesMax + 1 - first }, (_, i) => slotName(node, first + i));
}

function answeringPipeline(pipeline: PipelineNode, link: Link): PipelineNode {
  link.answer('pipeline.notify', () => pipeline.notify());
  link.answer('pipeline.describe', () => pipeline.describe());
  return pipeline;
}

function remotePipeline(link: Link): PipelineNode {
  return {
    notify: () => link.tell('background', 'pipeline.notify'),
    describe: () => link.ask<string>('background', 'pipeline.describe'),
    stop: async () => {},
  };
}

function answering<T extends object>(name: string, methods: readonly (keyof T & string)[], local: T, link: Link): T {
  for (const method of methods) {
    const handler = local[method] as (...args: never[]) => unknown;
    link.answer(`${name}.${method}`, (...args) => handler.apply(local, args));
  }
  return local;
}

function remote<T extends object>(name: string, methods: readonly (keyof T & string)[], link: Link): T {
  const asks = methods.map((method) => [
    method,
    (...args: readonly unknown[]) => link.ask('background', `${name}.${method}`, ...args),
  ]);
  return Object.fromEntries(asks) as T;
}

function tellOutside(outside: OutsideFiles, link: Link): void {
  const set = outside.set.bind(outside);
  outside.set = (digest, file) => {
    link.tell('everywhere', 'outside', digest, file);
    return set(digest, file);
  };
}

function hearOutside(outside: OutsideFiles, link: Link): void {
  link.answer('outside', (digest: string, file: OutsideFile) => void outside.set(digest, file));
}
