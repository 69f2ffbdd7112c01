/** Webhook deliveries in SQLite or PostgreSQL. */
import { type Selectable, sql } from 'kysely';
import type { Outcome } from '../../core/ports/ledger-store.ts';
import type { Page } from '../../core/ports/upload-store.ts';
import type {
  DeliveryClaim,
  DeliveryCounts,
  DeliveryResult,
  NewDelivery,
  RetryOrder,
  WebhookStore,
} from '../../core/ports/webhook-store.ts';
import type { Millis } from '../../core/upload.ts';
import type { Delivery } from '../../core/webhook.ts';
import { toPage } from './cursor.ts';
import { type Engine, first } from './engine.ts';
import { EventLog } from './events.ts';
import type { WebhookDeliveryRow } from './schema.ts';
import { type WebhookQueries, webhookQueries } from './webhook-queries.ts';

export class SqlWebhookStore implements WebhookStore {
  readonly #engine: Engine;
  readonly #queries: WebhookQueries;
  readonly #events: EventLog;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = webhookQueries(engine.dialect);
    this.#events = new EventLog(engine.dialect);
  }

  async positions(endpoints: readonly string[], now: Millis): Promise<ReadonlyMap<string, number>> {
    if (endpoints.length === 0) return new Map();
    const known = await this.#positions(endpoints);
    const unknown = endpoints.filter((endpoint) => !known.has(endpoint));
    if (unknown.length === 0) return known;
    const newest = first(await this.#engine.read(this.#events.query({ take: 'newest', after: 0, limit: 1 })));
    await this.#engine.write(async (session) => {
      for (const endpoint of unknown)
        await session.change(this.#queries.addCursor({ endpoint, position: newest?.id ?? 0, created_at: now }));
    });
    // Another process may have added them first.
    return this.#positions(endpoints);
  }

  enqueue(
    endpoint: string,
    range: { readonly after: number; readonly through: number },
    deliveries: readonly NewDelivery[],
  ): Promise<boolean> {
    return this.#engine.write(async (session) => {
      const moved = await session.change(this.#queries.moveCursor(endpoint, range.after, range.through));
      if (moved === 0) return false;
      for (const one of deliveries) {
        await session.change(
          this.#queries.insert({
            message_id: one.messageId,
            endpoint,
            event_id: one.eventId,
            type: one.type,
            payload: one.payload,
            created_at: one.createdAt,
            give_up_at: one.giveUpAt,
          }),
        );
      }
      return true;
    });
  }

  async claim(request: Parameters<WebhookStore['claim']>[0]): Promise<Delivery[]> {
    const { endpoint, holder, now, leaseMs, limit } = request;
    // Without a write first, because this is asked again and again while nothing is due.
    const due = await this.#engine.read(this.#queries.due({ endpoint, now, limit: 1, lock: false }));
    if (due.length === 0) return [];
    return this.#engine.write(async (session) => {
      const rows = await session.rows(this.#queries.due({ endpoint, now, limit, lock: true }));
      if (rows.length === 0) return [];
      const messageIds = rows.map((row) => row.message_id);
      const taken = await session.rows(this.#queries.take({ endpoint, messageIds, holder, until: now + leaseMs }));
      return taken.map(rowToDelivery).sort((a, b) => a.eventId - b.eventId);
    });
  }

  delivered(claim: DeliveryClaim, result: DeliveryResult): Promise<Outcome> {
    return this.#end(claim, { ...ending(result), state: 'delivered', ended_at: result.at });
  }

  failed(claim: DeliveryClaim, result: DeliveryResult): Promise<Outcome> {
    const next =
      result.nextAt === null ? { state: 'failed' as const, ended_at: result.at } : { next_at: result.nextAt };
    return this.#end(claim, { ...ending(result), ...next });
  }

  async release(claim: DeliveryClaim, now: Millis): Promise<Outcome> {
    const query = this.#held(claim)
      .set((eb) => ({ lease_holder: null, next_at: now, attempts: eb('attempts', '-', 1) }))
      .compile();
    return (await this.#engine.write((session) => session.change(query))) > 0 ? 'applied' : 'lost';
  }

  reclaim(holder: string, now: Millis): Promise<number> {
    return this.#engine.write((session) => session.change(this.#queries.reclaim(holder, now)));
  }

  async nextDue(endpoint: string): Promise<Millis | null> {
    return first(await this.#engine.read(this.#queries.nextDue(endpoint)))?.next_at ?? null;
  }

  async counts(): Promise<DeliveryCounts[]> {
    const rows = await this.#engine.read(this.#queries.counts());
    return [...Map.groupBy(rows, (row) => row.endpoint)].map(([endpoint, states]) => {
      const of = (state: Delivery['state']) => states.find((row) => row.state === state);
      return {
        endpoint,
        pending: of('pending')?.count ?? 0,
        delivered: of('delivered')?.count ?? 0,
        failed: of('failed')?.count ?? 0,
        lastDeliveredAt: of('delivered')?.newest_end ?? null,
        oldestPendingAt: of('pending')?.oldest ?? null,
      };
    });
  }

  async countPending(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#engine.read(this.#queries.countPending());
    return new Map(rows.map((row) => [row.endpoint, row.count]));
  }

  async troubled(query: Parameters<WebhookStore['troubled']>[0]): Promise<Page<Delivery>> {
    const rows = await this.#engine.read(this.#queries.troubled(query));
    return toPage(rows, query.limit, {
      item: rowToDelivery,
      position: (row) => ({ createdAt: row.event_id, id: row.endpoint }),
    });
  }

  async retry(order: RetryOrder): Promise<number> {
    if (order.endpoints.length === 0) return 0;
    return this.#engine.write((session) => session.change(this.#queries.retry(order)));
  }

  purge(before: Millis, limit: number): Promise<number> {
    return this.#engine.write(async (session) => {
      const rows = await session.rows(this.#queries.ended(before, limit));
      const db = this.#engine.dialect.build;
      for (const row of rows) {
        await session.change(
          db
            .deleteFrom('webhook_deliveries')
            .where('message_id', '=', row.message_id)
            .where('endpoint', '=', row.endpoint)
            .where('ended_at', '<', before)
            .compile(),
        );
      }
      return rows.length;
    });
  }

  abandon(before: Millis, now: Millis, limit: number): Promise<number> {
    return this.#engine.write(async (session) => {
      const rows = await session.rows(this.#queries.overdue(before, limit));
      const db = this.#engine.dialect.build;
      for (const row of rows) {
        await session.change(
          db
            .updateTable('webhook_deliveries')
            .set((eb) => ({
              state: 'failed',
              lease_holder: null,
              ended_at: now,
              last_at: eb.fn.coalesce('last_at', sql<number>`cast(${now} as bigint)`),
              last_error: eb.fn.coalesce('last_error', sql.lit('given up: nobody served the endpoint')),
            }))
            .where('message_id', '=', row.message_id)
            .where('endpoint', '=', row.endpoint)
            .where('state', '=', 'pending')
            .compile(),
        );
      }
      return rows.length;
    });
  }

  async #positions(endpoints: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.#engine.read(this.#queries.cursors(endpoints));
    return new Map(rows.map((row) => [row.endpoint, row.position]));
  }

  /** The delivery, as long as it is still the claim's. */
  #held(claim: DeliveryClaim) {
    return this.#engine.dialect.build
      .updateTable('webhook_deliveries')
      .where('message_id', '=', claim.messageId)
      .where('endpoint', '=', claim.endpoint)
      .where('fence', '=', claim.fence)
      .where('state', '=', 'pending')
      .where('lease_holder', 'is not', null);
  }

  async #end(claim: DeliveryClaim, values: Partial<Selectable<WebhookDeliveryRow>>): Promise<Outcome> {
    const query = this.#held(claim)
      .set({ ...values, lease_holder: null })
      .compile();
    return (await this.#engine.write((session) => session.change(query))) > 0 ? 'applied' : 'lost';
  }
}

function ending(result: DeliveryResult) {
  return { last_at: result.at, last_status: result.status, last_error: result.error };
}

function rowToDelivery(row: Selectable<WebhookDeliveryRow>): Delivery {
  return {
    messageId: row.message_id,
    endpoint: row.endpoint,
    eventId: row.event_id,
    type: row.type,
    payload: row.payload,
    state: row.state,
    attempts: row.attempts,
    fence: row.fence,
    holder: row.lease_holder,
    createdAt: row.created_at,
    nextAt: row.next_at,
    giveUpAt: row.give_up_at,
    lastAt: row.last_at,
    lastStatus: row.last_status,
    lastError: row.last_error,
    endedAt: row.ended_at,
  };
}
