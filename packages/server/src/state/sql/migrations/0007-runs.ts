/** Cancelled steps and runs, the history of attempts, paused classes, and the indexes that answer questions about them. */
import type { Migration } from '../migrate.ts';

const runStates = ['running', 'succeeded', 'failed'];
const stepStates = ['blocked', 'pending', 'running', 'succeeded', 'skipped', 'failed'];

export const runs: Migration = {
  version: 7,
  name: 'runs',
  statements: ({ text, int, end, clustered, allowValue }) => [
    ...allowValue({ table: 'runs', column: 'state', values: runStates, more: 'cancelled' }),
    ...allowValue({ table: 'steps', column: 'state', values: stepStates, more: 'cancelled' }),
    `alter table runs add column cancel_asked_at ${int}`,
    `alter table runs add column cancel_asked_by ${text}`,
    `alter table steps add column error_class ${text}`,
    `alter table steps add column cancel_asked_at ${int}`,
    `alter table steps add column cancel_asked_by ${text}`,
    `create index runs_state_list on runs (state, created_at desc, id desc)`,
    `create index runs_ended on runs (finished_at) where finished_at is not null`,
    `create index steps_cancel on steps (lease_holder) where cancel_asked_at is not null`,
    `create index steps_failed on steps (finished_at desc, key desc) where state = 'failed'`,
    `create index steps_running on steps (started_at) where state = 'running'`,
    `create index steps_waiting on steps (state desc, priority desc, created_at, key) where state in ('pending', 'blocked')`,

    `create table step_attempts (
      step_key ${text} not null references steps (key),
      number ${int} not null,
      attempt ${int} not null,
      node ${text} not null,
      state ${text} not null check (state in ('running', 'succeeded', 'skipped', 'failed', 'cancelled', 'released')),
      due_at ${int} not null,
      started_at ${int} not null,
      ended_at ${int},
      reason ${text},
      error_class ${text},
      exit_code ${int},
      stderr ${text},
      log ${text} not null,
      primary key (step_key, number),
      check ((state = 'running') = (ended_at is null))
    )${clustered}`,
    `create index step_attempts_succeeded on step_attempts (ended_at, step_key, started_at, due_at) where state = 'succeeded'`,

    // What is known of attempts from before there was a history.
    `insert into step_attempts (step_key, number, attempt, node, state, due_at, started_at, ended_at, reason, error_class, exit_code, stderr, log)
      select key, fence, attempt, coalesce(lease_holder, ''), state, started_at, started_at, finished_at, reason, null, null, null, ''
      from steps where fence > 0 and started_at is not null and (state = 'running' or finished_at is not null)
        and state in ('running', 'succeeded', 'skipped', 'failed')`,

    `create table paused_classes (
      name ${text} primary key,
      paused_at ${int} not null,
      paused_by ${text} not null
    )${end}`,
  ],
};
