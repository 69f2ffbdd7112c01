/** What an attempt tells while it works: progress in steps that people can see, and the last lines that it logged. */

import { logCharsMax } from '../../core/attempt-record.ts';
import type { Claim } from '../../core/ports/ledger-store.ts';
import type { StepLog } from '../context.ts';
import type { RunnerSettings } from './settings.ts';

/** Listeners hear of every twentieth, and not more often than once a second. */
const tellShare = 0.05;
const tellMs = 1_000;
const lineCharsMax = 1_000;

export interface ReporterOptions {
  readonly settings: Pick<RunnerSettings, 'ledger' | 'clock' | 'log'>;
  readonly claim: Claim;
  readonly facts: Readonly<Record<string, unknown>>;
  /** The step got somewhere. */
  onActive(): void;
}

export class Reporter {
  readonly #options: ReporterOptions;
  #progress = 0;
  #told = 0;
  #toldAt = 0;
  #lines: string[] = [];
  #chars = 0;
  #unwritten = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  get progress(): number {
    return this.#progress;
  }

  /** Cheap; anything but a number counts as nothing. */
  set(fraction: number): void {
    if (!Number.isFinite(fraction)) return;
    const progress = Math.min(1, Math.max(0, fraction));
    if (progress !== this.#progress) this.#options.onActive();
    this.#progress = progress;
    const now = this.#options.settings.clock.now();
    if (progress - this.#told < tellShare || now - this.#toldAt < tellMs) return;
    this.#told = progress;
    this.#toldAt = now;
    void this.#write(true);
  }

  /** The step's own log: to the server's, and kept with the attempt. */
  stepLog(): StepLog {
    const { settings, facts } = this.#options;
    const level = (name: 'info' | 'warn' | 'error') => (more: Readonly<Record<string, unknown>>, message: string) => {
      settings.log[name]({ ...facts, ...more }, message);
      this.#keep(name, message);
    };
    return { info: level('info'), warn: level('warn'), error: level('error') };
  }

  /** Writes what was logged since the last time. Never rejects: the outcome matters more than what was said on the way. */
  flush(): Promise<void> {
    return this.#unwritten ? this.#write(false) : this.#writing;
  }

  #keep(level: string, message: string): void {
    this.#options.onActive();
    const at = new Date(this.#options.settings.clock.now()).toISOString();
    const line = `${at} ${level} ${message.slice(0, lineCharsMax)}`;
    this.#lines.push(line);
    this.#chars += line.length + 1;
    while (this.#chars > logCharsMax) this.#chars -= (this.#lines.shift()?.length ?? 0) + 1;
    this.#unwritten = true;
  }

  #write(tell: boolean): Promise<void> {
    const { settings, claim, facts } = this.#options;
    const { key, fence } = claim.step;
    this.#writing = this.#writing.then(async () => {
      this.#unwritten = false;
      const report = { now: settings.clock.now(), progress: this.#progress, log: this.#lines.join('\n'), tell };
      await settings.ledger.report(key, fence, report).catch((error: unknown) => {
        settings.log.warn({ ...facts, err: error }, 'progress did not reach the ledger');
      });
    });
    return this.#writing;
  }
}
