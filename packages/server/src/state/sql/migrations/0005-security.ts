/** Upload tokens, and what types an upload may have. */
import type { Migration } from '../migrate.ts';

export const security: Migration = {
  version: 5,
  name: 'security',
  statements: ({ text, int, end }) => [
    `alter table uploads add column allowed_types ${text}`,
    `create table upload_tokens (
      id ${text} primary key,
      digest ${text} not null unique,
      principal ${text} not null,
      issuer ${text} not null,
      size_max ${int},
      types ${text},
      filename ${text},
      metadata ${text} not null,
      created_at ${int} not null,
      expires_at ${int} not null,
      upload_id ${text}
    )${end}`,
    `create index upload_tokens_expiry on upload_tokens (expires_at)`,
  ],
};
