/** The statements about webhooks. Conditions that a partial index answers are literals, or no planner would see it. */
import { sql } from 'kysely';
import type { RetryOrder } from '../../core/ports/webhook-store.ts';
import type { Millis } from '../../core/upload.ts';
import type { DeliveryState } from '../../core/webhook.ts';
import { decodeCursor } from './cursor.ts';
import { type Dialect, prepare } from './engine.ts';
import type { WebhookDeliveryRow } from './schema.ts';

const isPending = sql<boolean>`state = 'pending'`;
const isTroubled = sql<boolean>`state <> 'delivered' and last_at is not null`;

/** The expression that the index for counting is on. */
const counted = sql<DeliveryState>`state || ''`;

export function webhookQueries(dialect: Dialect) {
  const db = dialect.build;
  return {
    cursors: (endpoints: readonly string[]) =>
      db
        .selectFrom('webhook_cursors')
        .select(['endpoint', 'position'])
        .where('endpoint', 'in', [...endpoints])
        .compile(),

    addCursor: (row: { endpoint: string; position: number; created_at: Millis }) =>
      db
        .insertInto('webhook_cursors')
        .values(row)
        .onConflict((on) => on.doNothing())
        .compile(),

    moveCursor: (endpoint: string, after: number, through: number) =>
      db
        .updateTable('webhook_cursors')
        .set({ position: through })
        .where('endpoint', '=', endpoint)
        .where('position', '=', after)
        .compile(),

    insert: prepare<
      Pick<
        WebhookDeliveryRow,
        'message_id' | 'endpoint' | 'event_id' | 'type' | 'payload' | 'created_at' | 'give_up_at'
      >,
      unknown
    >((arg) =>
      db
        .insertInto('webhook_deliveries')
        .values({
          message_id: arg('message_id'),
          endpoint: arg('endpoint'),
          event_id: arg('event_id'),
          type: arg('type'),
          payload: arg('payload'),
          state: 'pending',
          attempts: 0,
          fence: 0,
          created_at: arg('created_at'),
          next_at: arg('created_at'),
          give_up_at: arg('give_up_at'),
        })
        .onConflict((on) => on.doNothing()),
    ),

    /** What is due at an endpoint; to be claimed when `lock` is set, so that what somebody else is claiming is passed over. */
    due: (of: { endpoint: string; now: Millis; limit: number; lock: boolean }) =>
      db
        .selectFrom('webhook_deliveries')
        .select('message_id')
        .where('endpoint', '=', of.endpoint)
        .where(isPending)
        .where('next_at', '<=', of.now)
        .orderBy('next_at')
        .orderBy('event_id')
        .limit(of.limit)
        .$if(of.lock && dialect.rowLocks, (query) => query.forUpdate().skipLocked())
        .compile(),

    take: (of: { endpoint: string; messageIds: readonly string[]; holder: string; until: Millis }) =>
      db
        .updateTable('webhook_deliveries')
        .set((eb) => ({
          attempts: eb('attempts', '+', 1),
          fence: eb('fence', '+', 1),
          lease_holder: of.holder,
          next_at: of.until,
        }))
        .where('endpoint', '=', of.endpoint)
        .where('message_id', 'in', [...of.messageIds])
        .returningAll()
        .compile(),

    reclaim: (holder: string, now: Millis) =>
      db
        .updateTable('webhook_deliveries')
        .set({ lease_holder: null, next_at: now })
        .where('lease_holder', '=', holder)
        .compile(),

    nextDue: (endpoint: string) =>
      db
        .selectFrom('webhook_deliveries')
        .select('next_at')
        .where('endpoint', '=', endpoint)
        .where(isPending)
        .orderBy('next_at')
        .limit(1)
        .compile(),

    counts: () =>
      db
        .selectFrom('webhook_deliveries')
        .select((eb) => [
          'endpoint',
          counted.as('state'),
          eb.fn.countAll<number>().as('count'),
          eb.fn.min('created_at').as('oldest'),
          eb.fn.max('ended_at').as('newest_end'),
        ])
        .groupBy(['endpoint', counted])
        .compile(),

    countPending: () =>
      db
        .selectFrom('webhook_deliveries')
        .select((eb) => ['endpoint', eb.fn.countAll<number>().as('count')])
        .where(isPending)
        .groupBy('endpoint')
        .compile(),

    troubled: (of: { readonly endpoint?: string; readonly limit: number; readonly cursor?: string }) => {
      let query = db.selectFrom('webhook_deliveries').selectAll().where(isTroubled);
      if (of.endpoint !== undefined) query = query.where('endpoint', '=', of.endpoint);
      if (of.cursor !== undefined) {
        const { createdAt: eventId, id: endpoint } = decodeCursor(of.cursor);
        query = query.where(sql<boolean>`(event_id, endpoint) < (${eventId}, ${endpoint})`);
      }
      return query
        .orderBy('event_id', 'desc')
        .orderBy('endpoint', 'desc')
        .limit(of.limit + 1)
        .compile();
    },

    retry: (order: RetryOrder) => {
      const update = db
        .updateTable('webhook_deliveries')
        .set({ state: 'pending', attempts: 0, next_at: order.now, give_up_at: order.giveUpAt, ended_at: null })
        .where('endpoint', 'in', [...order.endpoints])
        // What is being sent right now is not due for anything else.
        .where((eb) => eb.or([eb('lease_holder', 'is', null), eb('next_at', '<=', order.now)]));
      return (
        order.messageId === undefined ? update.where(isTroubled) : update.where('message_id', '=', order.messageId)
      ).compile();
    },

    ended: (before: Millis, limit: number) =>
      db
        .selectFrom('webhook_deliveries')
        .select(['message_id', 'endpoint'])
        .where('ended_at', '<', before)
        .orderBy('ended_at')
        .limit(limit)
        .compile(),

    overdue: (before: Millis, limit: number) =>
      db
        .selectFrom('webhook_deliveries')
        .select(['message_id', 'endpoint'])
        .where(isPending)
        .where('give_up_at', '<', before)
        .orderBy('give_up_at')
        .limit(limit)
        .compile(),
  };
}

export type WebhookQueries = ReturnType<typeof webhookQueries>;
