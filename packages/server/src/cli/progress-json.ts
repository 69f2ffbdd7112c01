/**
 * NDJSON on standard output, one event a line: `began`, `created`, `progress` (once a second), `waiting`, `completed`, `failed`,
 * `interrupted`, `processed`, and at the end `summary`. Words for people go to standard error.
 */
import type { UploadError, UploadSnapshot } from '@holdfast/client';
import { type CliIo, printLine, printWords } from './io.ts';
import type { Display, DisplayedFile, Outcome } from './progress.ts';

const progressMsMin = 1_000;

interface Printed {
  readonly at: number;
  readonly uploadId: string | null;
  readonly waitingUntil: number | null;
}

export class JsonDisplay implements Display {
  readonly #io: CliIo;
  readonly #printed = new Map<number, Printed>();

  constructor(io: CliIo) {
    this.#io = io;
  }

  began(file: DisplayedFile): void {
    this.event('began', { file: file.path, size: file.size });
  }

  changed(file: DisplayedFile, snapshot: UploadSnapshot): void {
    const now = Date.now();
    const { uploadId, waiting, state, bytesAcknowledged, size, bytesPerSecond, etaSeconds, bytesChecked } = snapshot;
    const before = this.#printed.get(file.index) ?? { at: 0, uploadId: null, waitingUntil: null };
    let { at } = before;
    if (uploadId !== before.uploadId) this.event('created', { file: file.path, uploadId });
    if (waiting !== null && waiting.until !== before.waitingUntil) {
      const until = new Date(waiting.until).toISOString();
      this.event('waiting', { file: file.path, uploadId, reason: waiting.reason, until });
    }
    if (now - before.at >= progressMsMin) {
      at = now;
      const figures = { bytesAcknowledged, size, bytesPerSecond, etaSeconds, bytesChecked };
      this.event('progress', { file: file.path, uploadId, state, ...figures });
    }
    this.#printed.set(file.index, { at, uploadId, waitingUntil: waiting?.until ?? null });
  }

  ended(file: DisplayedFile, outcome: Outcome, snapshot: UploadSnapshot | null): void {
    this.#printed.delete(file.index);
    const facts = { file: file.path, uploadId: snapshot?.uploadId ?? null, size: file.size };
    this.event(outcome.kind, { ...facts, ...outcomeFacts(outcome, snapshot) });
  }

  say(line: string): void {
    printWords(this.#io.stderr, line);
  }

  event(name: string, data: Readonly<Record<string, unknown>>): void {
    printLine(this.#io.stdout, JSON.stringify({ event: name, at: new Date().toISOString(), ...data }));
  }

  close(): void {}
}

function outcomeFacts(outcome: Outcome, snapshot: UploadSnapshot | null): Record<string, unknown> {
  switch (outcome.kind) {
    case 'completed': {
      const { assetId, sha256, verified, seconds } = outcome;
      return { assetId, sha256, verified, seconds, resumed: snapshot?.resumed ?? false };
    }
    case 'failed':
      return { error: errorFacts(outcome.error) };
    case 'interrupted':
      return { bytesAcknowledged: snapshot?.bytesAcknowledged ?? 0 };
  }
}

function errorFacts(error: UploadError | Error): Record<string, unknown> {
  const { type = 'validation', code = 'failed', chunk, retryable = false } = error as Partial<UploadError>;
  return { type, code, message: error.message, retryable, ...(chunk === undefined ? {} : { chunk }) };
}
