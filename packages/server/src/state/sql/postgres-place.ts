/** A PostgreSQL database in words for people: where it is, without its password, and what is wrong when it cannot be used. */
import pg from 'pg';
import { HoldfastError } from '../../core/errors.ts';
import { codeOf, isConnectionLoss } from './postgres-errors.ts';

/** The oldest that has all we use: pg_current_xact_id came with 13. */
export const versionMin = 13;

interface Place {
  readonly host: string;
  readonly database: string;
  readonly user: string;
}

/** What the driver makes of the address and of PGHOST, PGUSER … together. */
function placeOf(url: string): Place {
  const { host, port, database, user } = new pg.Client({ connectionString: url });
  return { host: host.startsWith('/') ? host : `${host}:${port}`, database: database ?? '', user: user ?? '' };
}

/** `holdfast on db.example.org:5432`; never the password. */
export function placeName(url: string): string {
  const { database, host } = placeOf(url);
  return `${database} on ${host}`;
}

/** An address that cannot be read as one is refused without being repeated: it may have a password in it. */
export function checkUrl(url: string): void {
  try {
    placeOf(url);
  } catch {
    throw new HoldfastError(
      'invalid-request',
      'The setting "state" is not the address of a database: postgres://user@host:5432/database, with special characters of the password percent-encoded.',
    );
  }
}

export function refuseOldServer(version: number, url: string): void {
  if (version >= versionMin * 10_000) return;
  throw new HoldfastError(
    'unavailable',
    `The database ${placeName(url)} runs on PostgreSQL ${Math.floor(version / 10_000)}; Holdfast needs ${versionMin} or later.`,
  );
}

/** Why a database could not be opened at the start, with what to do. Errors of ours pass. */
export function startError(error: unknown, url: string): unknown {
  if (error instanceof HoldfastError) return error;
  const { host, database, user } = placeOf(url);
  const said = error instanceof Error ? error.message : String(error);
  const refused = (message: string) => new HoldfastError('unavailable', message, { cause: error });
  if (/client password must be a (?:non-empty )?string|no password supplied/i.test(said))
    return refused(
      `PostgreSQL on ${host} asks for the password of "${user}": set PGPASSWORD, or put it into ~/.pgpass or the address.`,
    );
  switch (codeOf(error)) {
    case '28P01':
      return refused(`PostgreSQL on ${host} does not take the password of "${user}".`);
    case '28000':
      return refused(`PostgreSQL on ${host} does not let "${user}" in (pg_hba.conf): ${said}.`);
    case '3D000':
      return refused(
        `PostgreSQL on ${host} has no database "${database}". Create it: createdb -h ${host.replace(/:(\d+)$/, ' -p $1')} ${database}`,
      );
    case '42501':
      return refused(
        `"${user}" may not create tables in the database ${database}: make it the owner, or grant create on its schema. (${said})`,
      );
    case '25006':
      return refused(`PostgreSQL on ${host} is read-only, as a standby is: name the primary.`);
    case '53300':
      return refused(`PostgreSQL on ${host} has no connection left: raise max_connections, or lower statePool.`);
    case '57P03':
      return refused(`PostgreSQL on ${host} is starting or stopping: try again in a moment.`);
  }
  if (!isConnectionLoss(error) && !/SSL|TLS|certificate/i.test(said)) return error;
  return refused(`PostgreSQL cannot be reached on ${host}: ${reasonOf(error, said)}`);
}

/** A name with several addresses fails with an error for each. */
function reasonOf(error: unknown, said: string): string {
  if (said !== '') return said;
  const { errors } = error as { errors?: readonly Error[] };
  return errors?.[0]?.message ?? String(codeOf(error));
}
