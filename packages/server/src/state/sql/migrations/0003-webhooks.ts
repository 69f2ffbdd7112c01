/** Webhooks: what is to be delivered, and how far along the event log each endpoint is. */
import type { Migration } from '../migrate.ts';

export const webhooks: Migration = {
  version: 3,
  name: 'webhooks',
  statements: ({ text, int, end, clustered }) => [
    `create table webhook_cursors (
      endpoint ${text} primary key,
      position ${int} not null,
      created_at ${int} not null
    )${clustered}`,

    `create table webhook_deliveries (
      message_id ${text} not null,
      endpoint ${text} not null,
      event_id ${int} not null,
      type ${text} not null,
      payload ${text} not null,
      state ${text} not null check (state in ('pending', 'delivered', 'failed')),
      attempts ${int} not null,
      fence ${int} not null,
      lease_holder ${text},
      created_at ${int} not null,
      next_at ${int} not null,
      give_up_at ${int} not null,
      last_at ${int},
      last_status ${int},
      last_error ${text},
      ended_at ${int},
      primary key (message_id, endpoint),
      check ((state = 'pending') = (ended_at is null)),
      check (lease_holder is null or state = 'pending')
    )${end}`,
    `create index webhook_deliveries_due on webhook_deliveries (endpoint, next_at, event_id) where state = 'pending'`,
    `create index webhook_deliveries_give_up on webhook_deliveries (give_up_at) where state = 'pending'`,
    `create index webhook_deliveries_lease on webhook_deliveries (lease_holder) where lease_holder is not null`,
    `create index webhook_deliveries_troubled on webhook_deliveries (event_id desc, endpoint desc) where state <> 'delivered' and last_at is not null`,
    `create index webhook_deliveries_ended on webhook_deliveries (ended_at) where ended_at is not null`,
    `create index webhook_deliveries_count on webhook_deliveries (endpoint, (state || ''), created_at, ended_at)`,
  ],
};
