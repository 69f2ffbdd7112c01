/** The single looks of `doctor`. Each one is quick, changes nothing that stays, and says what to do when something is amiss. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import { systemClock } from '../platform/system-clock.ts';
import { openSqliteState } from '../state/sql/open.ts';
import { engineChoice } from './engines.ts';
import { containment } from './media-containment.ts';
import { mediaTools } from './media-tools.ts';

export interface Diagnosis {
  readonly subject: string;
  readonly verdict: 'good' | 'warning' | 'bad';
  readonly found: string;
  readonly advice?: string;
}

const slowSyncMs = 50;

export function checkNode(): Diagnosis {
  return { subject: 'node', verdict: 'good', found: `${process.version} on ${process.platform} ${process.arch}` };
}

/** Whether the data directory can be written to, what is free, and how long a sync takes: every receipt waits for one. */
export async function checkDisk(config: Config): Promise<Diagnosis[]> {
  const dir = resolve(config.dataDir);
  const there = nearestFolder(dir);
  try {
    const scratch = await mkdtemp(join(there, '.holdfast-doctor-'));
    try {
      const { bavail, bsize } = await statfs(scratch);
      const free = bavail * bsize;
      const reserve = config.reserveMb * 1024 * 1024;
      const room: Diagnosis = {
        subject: 'data directory',
        verdict: free > reserve ? 'good' : 'bad',
        found: `${dir}: can be written to, ${gib(free)} free, of which ${gib(reserve)} stay reserved`,
      };
      return [
        free > reserve ? room : { ...room, advice: 'free some space, or lower reserveMb' },
        await checkSync(scratch),
      ];
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  } catch (error) {
    return [
      {
        subject: 'data directory',
        verdict: 'bad',
        found: `${dir} cannot be written to: ${messageOf(error)}`,
        advice: 'choose another with --data, or give this user the right to write there',
      },
    ];
  }
}

async function checkSync(folder: string): Promise<Diagnosis> {
  const file = await open(join(folder, 'sync'), 'w');
  const times: number[] = [];
  try {
    for (let i = 0; i < 7; i += 1) {
      await file.write(Buffer.alloc(64 * 1024, i), 0, 64 * 1024, i * 64 * 1024);
      const started = systemClock.now();
      await file.datasync();
      times.push(systemClock.now() - started);
    }
  } finally {
    await file.close();
  }
  const median = times.sort((a, b) => a - b)[3] ?? 0;
  const found = `a sync takes ${median} ms`;
  if (median <= slowSyncMs) return { subject: 'disk', verdict: 'good', found };
  return {
    subject: 'disk',
    verdict: 'warning',
    found,
    advice: 'receipts wait for syncs; use a faster disk, or durability "committed" (docs/durability.md)',
  };
}

export async function checkSqlite(): Promise<Diagnosis> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-doctor-'));
  try {
    await mkdir(folder, { recursive: true });
    const state = await openSqliteState({ file: join(folder, 'state.db'), clock: systemClock });
    await state.uploads.ping();
    await state.close();
    return { subject: 'sqlite', verdict: 'good', found: 'opens with WAL, migrates, writes, syncs its log' };
  } catch (error) {
    return {
      subject: 'sqlite',
      verdict: 'bad',
      found: messageOf(error),
      advice: 'install the packages again (npm ci) with the Node that runs them',
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export async function checkMedia(config: Config, signal: AbortSignal): Promise<Diagnosis[]> {
  const tools = await mediaTools(config, signal);
  if (tools.state === 'missing') {
    return [
      { subject: 'media tools', verdict: 'warning', found: `uploads work, media steps are skipped: ${tools.reason}` },
    ];
  }
  const lacking = Object.entries(tools.features)
    .filter(([, has]) => !has)
    .map(([name]) => name);
  const found = `${tools.ffmpeg} ${tools.version}, ${tools.ffprobe} ${tools.probeVersion}`;
  const contained = containment(tools);
  if (lacking.length === 0) return [{ subject: 'media tools', verdict: 'good', found }, contained];
  return [
    {
      subject: 'media tools',
      verdict: 'warning',
      found: `${found}; without ${lacking.join(', ')}`,
      advice: 'what needs these is left out of results; a full build of ffmpeg has them',
    },
    contained,
  ];
}

/** The engines that recognise speech and text and write summaries: each is optional. */
export async function checkEngines(config: Config): Promise<Diagnosis[]> {
  const { findings } = await engineChoice(config);
  return findings.map(({ subject, ready, found, advice }) => ({
    subject,
    verdict: ready ? 'good' : 'warning',
    found,
    ...(advice === null ? {} : { advice }),
  }));
}

function nearestFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function gib(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
