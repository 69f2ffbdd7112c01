/** The first schema. Never edited once released: later changes are later files. */
import type { Migration } from '../migrate.ts';

export const initial: Migration = {
  version: 1,
  name: 'initial',
  statements: ({ text, int, real, counter, end, clustered }) => [
    `create table uploads (
      id ${text} primary key,
      principal ${text} not null,
      protocol ${text} not null,
      filename ${text} not null,
      filename_folded ${text} not null,
      safe_name ${text} not null,
      content_type ${text} not null,
      size ${int},
      chunk_size ${int} not null,
      metadata ${text} not null,
      expected_digest ${text},
      received_bytes ${int} not null,
      received_extents ${int} not null,
      fence ${int} not null,
      last_event ${int} not null,
      created_at ${int} not null,
      updated_at ${int} not null,
      first_byte_at ${int},
      last_byte_at ${int},
      expires_at ${int} not null,
      storage ${text} not null check (storage in ('held', 'released')),
      state ${text} not null check (state in ('receiving', 'paused', 'validating', 'assembling', 'completed', 'cancelled', 'expired', 'failed')),
      lease_holder ${text},
      lease_until ${int},
      digest ${text},
      asset_id ${text},
      failure_code ${text},
      failure_reason ${text},
      ended_at ${int},
      check ((state in ('validating', 'assembling')) = (lease_holder is not null)),
      check ((lease_holder is null) = (lease_until is null))
    )${end}`,
    `create index uploads_list on uploads (principal, created_at desc, id desc)`,
    `create index uploads_live on uploads (id) where state in ('receiving', 'paused', 'validating', 'assembling')`,
    `create index uploads_live_of on uploads (principal) where state in ('receiving', 'paused', 'validating', 'assembling')`,
    `create index uploads_expiry on uploads (expires_at) where state in ('receiving', 'paused')`,
    `create index uploads_lease_until on uploads (lease_until) where lease_until is not null`,
    `create index uploads_lease_holder on uploads (lease_holder) where lease_holder is not null`,
    `create index uploads_release on uploads (updated_at) where storage = 'held' and state in ('completed', 'cancelled', 'expired', 'failed')`,
    `create index uploads_purge on uploads (updated_at) where storage = 'released' and state in ('completed', 'cancelled', 'expired', 'failed')`,
    // For counting. As an expression, so that no planner prefers it to the index that is made for a query.
    `create index uploads_state on uploads ((state || ''))`,

    `create table extents (
      upload_id ${text} not null references uploads (id) on delete cascade,
      "offset" ${int} not null,
      length ${int} not null,
      crc32 ${int} not null,
      sha256 ${text},
      received_at ${int} not null,
      primary key (upload_id, "offset")
    )${clustered}`,

    `create table events (
      id ${counter},
      subject ${text} not null check (subject in ('upload', 'run')),
      subject_id ${text} not null,
      seq ${int} not null,
      principal ${text} not null,
      at ${int} not null,
      type ${text} not null,
      message ${text} not null,
      data ${text} not null,
      unique (subject, subject_id, seq)
    )${end}`,
    `create index events_principal on events (principal, id)`,

    `create table assets (
      id ${text} primary key,
      size ${int} not null,
      content_type ${text} not null,
      created_at ${int} not null
    )${end}`,

    `create table asset_sources (
      asset_id ${text} not null references assets (id),
      upload_id ${text} not null,
      principal ${text} not null,
      filename ${text} not null,
      filename_folded ${text} not null,
      safe_name ${text} not null,
      metadata ${text} not null,
      added_at ${int} not null,
      asset_created_at ${int} not null,
      primary key (asset_id, upload_id)
    )${end}`,
    `create index asset_sources_list on asset_sources (principal, asset_created_at desc, asset_id desc)`,
    `create index asset_sources_newest on asset_sources (asset_id, principal, added_at desc)`,

    `create table runs (
      id ${text} primary key,
      asset_id ${text} not null references assets (id),
      pipeline ${text} not null,
      pipeline_version ${text} not null,
      state ${text} not null check (state in ('running', 'succeeded', 'failed')),
      principal ${text} not null,
      last_event ${int} not null,
      created_at ${int} not null,
      finished_at ${int},
      unique (asset_id, pipeline, pipeline_version)
    )${end}`,
    `create index runs_list on runs (created_at desc, id desc)`,

    `create table steps (
      key ${text} primary key,
      asset_id ${text} not null references assets (id),
      name ${text} not null,
      version ${text} not null,
      params ${text} not null,
      class ${text} not null,
      priority ${int} not null,
      state ${text} not null check (state in ('blocked', 'pending', 'running', 'succeeded', 'skipped', 'failed')),
      attempt ${int} not null,
      attempts_max ${int} not null,
      timeout_ms ${int} not null,
      fence ${int} not null,
      lease_holder ${text},
      lease_until ${int},
      not_before ${int} not null,
      progress ${real} not null,
      output ${text},
      reason ${text},
      skipped_for ${text},
      created_at ${int} not null,
      started_at ${int},
      finished_at ${int},
      check ((state = 'running') = (lease_holder is not null)),
      check ((lease_holder is null) = (lease_until is null)),
      check ((state = 'succeeded') = (output is not null))
    )${end}`,
    `create index steps_asset on steps (asset_id)`,
    `create index steps_due on steps (class, priority desc, created_at, key) where state = 'pending'`,
    `create index steps_not_before on steps (not_before) where state = 'pending'`,
    `create index steps_lease_until on steps (lease_until) where lease_until is not null`,
    `create index steps_lease_holder on steps (lease_holder) where lease_holder is not null`,
    `create index steps_state on steps ((state || ''))`,

    `create table step_needs (
      step_key ${text} not null references steps (key),
      need_key ${text} not null references steps (key),
      primary key (step_key, need_key)
    )${clustered}`,

    `create table run_steps (
      run_id ${text} not null references runs (id),
      position ${int} not null,
      step_key ${text} not null references steps (key),
      primary key (run_id, position)
    )${clustered}`,
    `create index run_steps_step on run_steps (step_key, run_id)`,

    `create table artifacts (
      step_key ${text} not null references steps (key),
      name ${text} not null,
      content_type ${text} not null,
      size ${int} not null,
      sha256 ${text} not null,
      primary key (step_key, name)
    )${end}`,

    `create table extent_claims (
      upload_id ${text} not null,
      "offset" ${int} not null,
      holder ${text} not null,
      until ${int} not null,
      primary key (upload_id, "offset")
    )${clustered}`,
    `create index extent_claims_holder on extent_claims (holder)`,

    `create table meta (name ${text} primary key, value ${int} not null)${end}`,
  ],
};
