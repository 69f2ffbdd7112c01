/** The settings that make one node many: where state and bytes are, and what this node does. Part of the schema. */
import { Type } from 'typebox';

export const clusterSettings = {
  state: Type.String({
    default: 'sqlite',
    pattern: '^(?:sqlite|(?:postgres|postgresql|redis|rediss)://.+)$',
    description:
      'Where the state is: sqlite (in the data folder), postgres://user@host/database, or redis://… for the uploads with `ledger` for the rest. Keep passwords out of it: PGPASSWORD or ~/.pgpass. See docs/cluster.md.',
  }),
  ledger: Type.String({
    default: 'sqlite',
    pattern: '^(?:sqlite|(?:postgres|postgresql)://.+)$',
    description: 'With state redis://…: where everything but the uploads is, sqlite or postgres://….',
  }),
  statePool: Type.Integer({
    default: 10,
    minimum: 2,
    maximum: 500,
    description: 'Connections of this node to PostgreSQL; one more listens.',
  }),
  blobs: Type.String({
    default: 'disk',
    pattern: '^(?:disk|s3://.+)$',
    description: 'Where bytes are: disk (in the data folder), or s3://bucket/prefix.',
  }),
  role: Type.Union([Type.Literal('all'), Type.Literal('web'), Type.Literal('worker')], {
    default: 'all',
    description:
      'What this node does: web takes uploads and runs no steps; worker runs steps and takes no uploads; all does both.',
  }),
  dispatcher: Type.Union([Type.Literal('embedded'), Type.Literal('pg-boss')], {
    default: 'embedded',
    description: 'What hands steps to workers: embedded (looks into the ledger), or pg-boss on PostgreSQL.',
  }),
  nodeName: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$',
      description:
        'Name of this node among those that share a database; the same after a restart, and no two alike. By default one that is kept in the data folder.',
    }),
  ),
};
