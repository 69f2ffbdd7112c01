/**
 * What an upload store that keeps its state elsewhere hands over to the database of the ledger: events for the one log, assets with their
 * sources and runs, and that an upload is a recording. The two share no transaction, so everything here may be done again.
 */
import type { Asset, AssetSource } from '../asset.ts';
import type { RunPlan } from '../ledger.ts';
import type { Millis, NewEvent, Upload } from '../upload.ts';
import type { RecordingQuery } from './recording-store.ts';

/** What one decision on an upload has for the ledger. */
export interface Handover {
  readonly uploadId: string;
  readonly principal: string;
  /** The number of the first of the events in the log of the upload; the others follow. */
  readonly firstSeq: number;
  readonly events: readonly NewEvent[];
  /** Set when the decision created a recording. */
  readonly recording: { readonly subject: string; readonly createdAt: Millis } | null;
  readonly publications: readonly Publication[];
}

export interface Publication {
  readonly asset: Asset;
  readonly source: AssetSource;
  readonly runs: readonly RunPlan[];
}

/** A recording as the database knows it: with the facts of its upload only once that is purged. */
export interface KeptRecording {
  readonly id: string;
  readonly upload: Upload | null;
}

export interface LedgerInbox {
  /** The number under which this database and one store of uploads know each other; null while no such store was used with it. */
  partner(): Promise<number | null>;
  /** Makes it this number, unless it has one; resolves to the one that it has then. Durable when it resolves. */
  makePartner(id: number): Promise<number>;
  /** From now on it is as if none had been used: its uploads are given up. False: none was. Durable when it resolves. */
  leavePartner(): Promise<boolean>;
  /**
   * Applies them in order, in one transaction that is durable when this resolves. What is there already stays as it is: the event of that
   * number of that upload, the source of that asset by that upload, the run of that pipeline on that asset.
   */
  take(handovers: readonly Handover[]): Promise<void>;
  /** Of uploads that are about to be deleted: leaves the facts of those that are recordings, and deletes their events. In one transaction. */
  forget(uploads: readonly Upload[]): Promise<void>;
  /** Null when there is none of that id for the principal. */
  findRecording(id: string, principal: string): Promise<KeptRecording | null>;
  /** Newest first. */
  listRecordings(query: RecordingQuery): Promise<{ readonly items: readonly KeptRecording[]; readonly total: number }>;
}
