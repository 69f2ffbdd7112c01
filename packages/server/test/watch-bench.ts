/** Watched folders over real stores, without a server: `<dir>/in` is watched, `<dir>/out` has what was moved. */
import { mkdirSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileTypeFromBuffer } from 'file-type';
import { loadConfig } from '../src/config/load.ts';
import type { Config } from '../src/config/schema.ts';
import { watchFoldersOf } from '../src/config/watch.ts';
import type { Clock } from '../src/core/ports/clock.ts';
import { type CrashPoints, noCrashPoints } from '../src/core/ports/crash-points.ts';
import type { FileIntake } from '../src/core/ports/file-intake.ts';
import { type Log, silentLog } from '../src/core/ports/log.ts';
import type { FolderDetails } from '../src/core/ports/watch-admin.ts';
import type { Pipeline } from '../src/pipeline/definition.ts';
import { planRuns } from '../src/pipeline/plan.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { readUptime } from '../src/platform/uptime.ts';
import { uuidv7 } from '../src/platform/uuidv7.ts';
import { ContentTurns } from '../src/uploads/content-turns.ts';
import { TakeIn } from '../src/uploads/take-in.ts';
import type { TurnParts } from '../src/watch/folder-turn.ts';
import { textToName } from '../src/watch/names.ts';
import { Watcher } from '../src/watch/watcher.ts';
import { Bench } from './pipeline-bench.ts';
import { someBytes } from './running-node.ts';

export interface WatchWish {
  readonly folder?: Partial<Config['watch'][number]>;
  readonly pipelines?: readonly Pipeline[];
  readonly crash?: CrashPoints;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly intake?: (real: FileIntake) => FileIntake;
  /** As one of several nodes that share the folder. */
  readonly turns?: Pick<TurnParts, 'holder' | 'goodForMs'>;
}

const ignored = { scanned: () => {}, taken: () => {}, ended: () => {} };

export class WatchBench {
  readonly dir: string;
  readonly in: string;
  readonly bench: Bench;
  readonly watcher: Watcher;
  /** Calls that read content. */
  readonly reads: { heads: number; files: number };

  private constructor(dir: string, parts: { bench: Bench; watcher: Watcher; reads: WatchBench['reads'] }) {
    this.dir = dir;
    this.in = path.join(dir, 'in');
    this.bench = parts.bench;
    this.watcher = parts.watcher;
    this.reads = parts.reads;
  }

  static async open(dir: string, wish: WatchWish = {}): Promise<WatchBench> {
    const bench = await Bench.open(dir);
    const { state, disk } = bench;
    mkdirSync(path.join(dir, 'in'), { recursive: true });
    for (const { assetId, path: text, facts } of await state.watch.outsideAssets())
      disk.outside.set(assetId, { path: textToName(text), facts });
    const reads = { heads: 0, files: 0 };
    const intake = counted(wish.intake?.(disk.intake) ?? disk.intake, reads);
    const clock = wish.clock ?? systemClock;
    const crash = wish.crash ?? noCrashPoints;
    const entry = { path: path.join(dir, 'in'), settleSeconds: 0.05, intervalSeconds: 60, ...wish.folder };
    const config = loadConfig({ env: {}, flags: { dataDir: path.join(dir, 'data'), watch: [entry] } });
    const takeIn = new TakeIn({
      intake,
      watch: state.watch,
      blobs: disk.blobs,
      clock,
      crash,
      planRuns: (asset, origin) => planRuns(wish.pipelines ?? [], asset, [origin]),
      allowedTypes: null,
      sniffType: async (head) => (await fileTypeFromBuffer(head))?.mime ?? null,
      newId: uuidv7,
      contents: new ContentTurns(state.locks),
      outsideTaken: ({ assetId, facts }, at) => void disk.outside.set(assetId, { path: at, facts }),
    });
    const uptime = await readUptime();
    const turns = wish.turns === undefined ? null : { leases: state.leases, clock, uptime, ...wish.turns };
    const watcher = new Watcher({
      folders: watchFoldersOf(config),
      takeIn,
      store: state.watch,
      ledger: state.ledger,
      artifacts: disk.artifacts,
      intake,
      clock,
      uptime,
      turns,
      log: wish.log ?? silentLog,
      crash,
      observer: ignored,
      processedLogFile: path.join(dir, 'processed.log'),
      concurrency: 4,
      skip: [path.join(dir, 'data')],
      outsideMoved: ({ assetId, facts }, at) => void disk.outside.set(assetId, { path: at, facts }),
      onEvents: (listener) => state.uploads.onEvents(listener),
    });
    return new WatchBench(dir, { bench, watcher, reads });
  }

  /** Starts and resolves when nothing is left to do. */
  async run(): Promise<void> {
    await this.watcher.start();
    await this.settled();
  }

  async settled(): Promise<void> {
    const until = performance.now() + 15_000;
    await this.watcher.settled(() => performance.now() > until);
    if (performance.now() > until) throw new Error(`not settled: ${JSON.stringify(await this.details(), null, 1)}`);
  }

  async details(): Promise<FolderDetails> {
    const [status] = await this.watcher.folders();
    const details = status && (await this.watcher.folder(status.folder.id));
    if (!details) throw new Error('no folder is watched');
    return details;
  }

  /** Resolves when the details fit. */
  async until(fits: (details: FolderDetails) => boolean): Promise<FolderDetails> {
    for (const end = performance.now() + 15_000; ; await sleep(30)) {
      const details = await this.details();
      if (fits(details)) return details;
      if (performance.now() > end) throw new Error(`never so: ${JSON.stringify(details, null, 1)}`);
    }
  }

  async write(name: string, bytes: Uint8Array | string): Promise<void> {
    const file = path.join(this.in, name);
    await mkdir(path.dirname(file), { recursive: true });
    await appendFile(file, bytes);
  }

  async processed(): Promise<string[]> {
    const text = await readFile(path.join(this.dir, 'processed.log'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  async close(): Promise<void> {
    await this.watcher.stop();
    await this.bench.close();
  }
}

function counted(real: FileIntake, reads: WatchBench['reads']): FileIntake {
  return {
    facts: (at) => real.facts(at),
    copy: (copy) => real.copy(copy),
    head: (at, length) => {
      reads.heads += 1;
      return real.head(at, length);
    },
    read: (request) => {
      reads.files += 1;
      return real.read(request);
    },
  };
}

/** Bytes that no signature fits, whatever the chance: the name tells what they are. */
export function someMedia(length: number): Buffer {
  return Buffer.concat([Buffer.from('HFMEDIA\0'), someBytes(Math.max(0, length - 8))]).subarray(0, length);
}
