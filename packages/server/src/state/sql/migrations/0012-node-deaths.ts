/** Deaths of nodes are counted apart from the attempts of the steps that ran there. */
import type { Migration } from '../migrate.ts';

export const nodeDeaths: Migration = {
  version: 12,
  name: 'node-deaths',
  statements: ({ int }) => [
    `alter table steps add column node_deaths ${int} not null default 0`,
    `alter table steps add column node_deaths_alone ${int} not null default 0`,
  ],
};
