/**
 * The log of what happened to uploads and runs. It is written in the transaction of what it tells and read in an order without gaps, so
 * that it is also the outbox: a consumer keeps the id up to which it has delivered.
 */

import type { CompiledQuery, Selectable } from 'kysely';
import { invariant } from '../../core/errors.ts';
import type { EventQuery } from '../../core/ports/upload-store.ts';
import type { LoggedEvent, NewEvent } from '../../core/upload.ts';
import { type Dialect, prepare, type Session } from './engine.ts';
import type { EventRow } from './schema.ts';

/** Whose log an event goes to, and the number of the last event in it. */
export interface Subject {
  readonly kind: 'upload' | 'run';
  readonly id: string;
  readonly principal: string;
  readonly lastEvent: number;
}

type NewRow = Omit<Selectable<EventRow>, 'id'>;
type Known = 'each is new' | 'again is fine';

export class EventLog {
  readonly #dialect: Dialect;
  readonly #insert: Readonly<Record<Known, (row: NewRow & { index: number }) => CompiledQuery<unknown>>>;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    const insert = (known: Known) =>
      prepare<NewRow & { index: number }, unknown>((arg) =>
        dialect.build
          .insertInto('events')
          .values({
            ...(dialect.eventIds ? { id: dialect.eventIds.id(arg('index')) } : {}),
            subject: arg('subject'),
            subject_id: arg('subject_id'),
            seq: arg('seq'),
            principal: arg('principal'),
            at: arg('at'),
            type: arg('type'),
            message: arg('message'),
            data: arg('data'),
          })
          .$if(known === 'again is fine', (query) => query.onConflict((on) => on.doNothing())),
      );
    this.#insert = { 'each is new': insert('each is new'), 'again is fine': insert('again is fine') };
  }

  /** Of runs, steps that have nothing to do with each other append to one log: their order among each other is nobody's promise. */
  async #inTurn(session: Session, { kind, id, lastEvent }: Subject): Promise<void> {
    const { eventIds, build } = this.#dialect;
    if (eventIds === null) return;
    const ahead = build
      .selectFrom('events')
      .select('id')
      .where('subject', '=', kind)
      .where('subject_id', '=', id)
      .where('seq', '=', lastEvent)
      .where('id', '>=', eventIds.id(session.appended))
      .compile();
    if ((await session.rows(ahead)).length > 0) throw eventIds.outOfTurn();
  }

  /**
   * Appends the events after the subject's last one. The caller holds the subject's row and records its new last event; or it delivers
   * them from elsewhere, perhaps again: then one whose number is taken is passed over.
   */
  async append(
    session: Session,
    subject: Subject,
    events: readonly NewEvent[],
    known: Known = 'each is new',
  ): Promise<void> {
    if (subject.kind === 'upload' && subject.lastEvent > 0 && events.length > 0) await this.#inTurn(session, subject);
    let seq = subject.lastEvent;
    for (const event of events) {
      seq += 1;
      const index = session.appended;
      session.appended += 1;
      invariant(
        index < (this.#dialect.eventIds?.perTransactionMax ?? Number.POSITIVE_INFINITY),
        'a transaction appends fewer events than it has ids',
      );
      const row = this.#insert[known]({
        subject: subject.kind,
        subject_id: subject.id,
        seq,
        principal: subject.principal,
        at: event.at,
        type: event.type,
        message: event.message,
        data: JSON.stringify(event.data),
        index,
      });
      await session.change(row);
    }
  }

  /** Events, none of which another can still come before; the newest come last first. */
  query(query: EventQuery): CompiledQuery<Selectable<EventRow>> {
    const direction = query.take === 'newest' ? 'desc' : 'asc';
    let select = this.#dialect.build.selectFrom('events').selectAll();
    if (query.principal !== undefined) select = select.where('principal', '=', query.principal);
    if (query.subject) {
      // One subject's events are appended under the lock of its row, so their numbers appear in order by themselves.
      select = select
        .where('subject', '=', query.subject.kind)
        .where('subject_id', '=', query.subject.id)
        .where('seq', '>', query.after)
        .orderBy('seq', direction);
    } else {
      select = select.where('id', '>', query.after).orderBy('id', direction);
      if (this.#dialect.eventIds) select = select.where('id', '<', this.#dialect.eventIds.horizon);
    }
    return select.limit(query.limit).compile();
  }
}

export function rowToEvent(row: Selectable<EventRow>): LoggedEvent {
  return {
    id: row.id,
    subject: row.subject,
    subjectId: row.subject_id,
    seq: row.seq,
    principal: row.principal,
    at: row.at,
    type: row.type,
    message: row.message,
    data: JSON.parse(row.data) as Record<string, unknown>,
  };
}
