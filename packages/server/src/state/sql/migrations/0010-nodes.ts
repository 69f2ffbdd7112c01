/** Several nodes on one database: who is there, who looks after what, and the count of what runs in a class. */
import type { Migration } from '../migrate.ts';

export const nodes: Migration = {
  version: 10,
  name: 'nodes',
  statements: ({ text, int, end, clustered }) => [
    `create table nodes (
      name ${text} primary key,
      process ${text} not null,
      host ${text} not null,
      pid ${int} not null,
      role ${text} not null,
      version ${text} not null,
      started_at ${int} not null,
      seen_at ${int} not null,
      until ${int} not null
    )${end}`,
    `create table leases (
      name ${text} primary key,
      process ${text} not null,
      node ${text} not null,
      fence ${int} not null,
      wanted ${int} not null,
      until ${int} not null
    )${clustered}`,
    `create index steps_running_class on steps (class) where state = 'running'`,
  ],
};
