/** What the suite of dispatchers works on: nodes here and in processes of their own, over a fresh ledger. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { LedgerStore } from '../src/core/ports/ledger-store.ts';
import type { Dispatcher } from '../src/pipeline/dispatch/dispatcher.ts';
import { PgBossQueue } from '../src/pipeline/dispatch/pg-boss/queue.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import type { Fixture } from '../src/testing/conformance.ts';
import type { Dispatchers, DispatchProcess, NodeOptions, ProcessOptions } from '../src/testing/dispatcher-subject.ts';
import type { TestPostgres } from '../src/testing/postgres.ts';
import { unique } from '../src/testing/sample-upload.ts';
import { openPlace, type Place, silent, startTestNode, type TestNode } from './dispatch-node.ts';

/** What is broken about a node; for the nodes of this process only. */
export interface Breakage {
  ledger?(ledger: LedgerStore): LedgerStore;
  dispatcher?(dispatcher: Dispatcher): Dispatcher;
  options?(options: NodeOptions): NodeOptions;
}

export interface TestDispatchers extends Dispatchers {
  broken(how: Breakage): TestDispatchers;
}

export async function dispatchers(kind: Place['kind'], postgres: TestPostgres): Promise<Fixture<TestDispatchers>> {
  const dir = await mkdtemp(path.join(tmpdir(), 'holdfast-dispatch-'));
  const place: Place =
    kind === 'embedded on SQLite'
      ? { kind, file: path.join(dir, 'state.db') }
      : { kind, url: await postgres.createDatabase() };
  const state = await openPlace(place, unique('suite'));
  const bench = new DispatchBench({ dir, place, state, postgres });
  const close = async () => {
    await bench.close();
    await state.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { subject: bench, close };
}

interface Parts {
  readonly dir: string;
  readonly place: Place;
  readonly state: Awaited<ReturnType<typeof openPlace>>;
  readonly postgres: TestPostgres;
}

class DispatchBench implements TestDispatchers {
  readonly #parts: Parts;
  readonly #breakage: Breakage;
  readonly #nodes: TestNode[];
  readonly #processes: DispatchProcess[];
  readonly patienceMs: number;

  constructor(parts: Parts, breakage: Breakage = {}, from?: DispatchBench) {
    this.#parts = parts;
    this.#breakage = breakage;
    this.#nodes = from === undefined ? [] : from.#nodes;
    this.#processes = from === undefined ? [] : from.#processes;
    this.patienceMs = from === undefined ? 30_000 : 1_500;
  }

  get ledger() {
    return this.#parts.state.ledger;
  }

  get control() {
    return this.#parts.state.control;
  }

  get uploads() {
    return this.#parts.state.uploads;
  }

  broken(how: Breakage): TestDispatchers {
    return new DispatchBench(this.#parts, how, this);
  }

  async node(given: NodeOptions): Promise<TestNode> {
    const { dir, place, state } = this.#parts;
    const options = this.#breakage.options?.(given) ?? given;
    const ledger = this.#breakage.ledger?.(this.ledger) ?? this.ledger;
    const change = this.#breakage.dispatcher;
    const node = await startTestNode({ dir, place, ledger, ...options, ...(change ? { change } : {}) });
    const unsubscribe = state.uploads.onEvents(() => node.notify());
    const started: TestNode = {
      get active() {
        return node.active;
      },
      notify: () => node.notify(),
      stop: () => {
        unsubscribe();
        return node.stop();
      },
    };
    this.#nodes.push(started);
    return started;
  }

  async process(options: ProcessOptions): Promise<DispatchProcess> {
    const { dir, place } = this.#parts;
    const started = startProcess({ ...options, dir, place, releaseFile: path.join(dir, `${options.holder}.go`) });
    this.#processes.push(started);
    return started;
  }

  async loseMessages(): Promise<void> {
    await this.#sql(`delete from holdfast_pgboss.job where state < 'active'`);
  }

  async repeatMessage(step: {
    readonly key: string;
    readonly class: string;
    readonly priority: number;
  }): Promise<void> {
    const { place } = this.#parts;
    if (place.kind !== 'pg-boss') return;
    const queue = await PgBossQueue.open({
      url: place.url,
      classes: [],
      works: false,
      clock: systemClock,
      log: silent,
    });
    await queue.enqueue([{ key: step.key, class: step.class, priority: step.priority, notBefore: 0 }]);
    await queue.close();
  }

  async restartDatabase(): Promise<void> {
    if (this.#parts.place.kind !== 'embedded on SQLite') await this.#parts.postgres.restart();
  }

  async close(): Promise<void> {
    for (const one of this.#processes) one.signal('SIGKILL');
    await Promise.all([...this.#nodes.map((node) => node.stop()), ...this.#processes.map((one) => one.ended)]);
  }

  async #sql(statement: string): Promise<void> {
    const { place } = this.#parts;
    if (place.kind !== 'pg-boss') return;
    const client = new pg.Client({ connectionString: place.url });
    await client.connect();
    await client.query(statement);
    await client.end();
  }
}

const childFile = fileURLToPath(new URL('./dispatch-child.ts', import.meta.url));

function startProcess(options: ProcessOptions & { dir: string; place: Place; releaseFile: string }): DispatchProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', childFile, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  let said = () => {};
  const closed = once(child, 'close');
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    said();
  });
  const ended = closed.then(() => said());
  return {
    ended,
    release: () => writeFile(options.releaseFile, ''),
    signal: (name) => void child.kill(name),
    says: async (line) => {
      while (!lines.includes(line)) {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`It ended without: ${line}`);
        await new Promise<void>((resolve) => {
          said = resolve;
        });
      }
    },
  };
}
