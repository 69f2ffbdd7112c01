/** `GET /health`: how the server and what it depends on are. */

/** - degraded: something that is not needed to take uploads fails. - failing: no uploads can be taken. */
export type HealthStatus = 'ok' | 'degraded' | 'failing';

export interface HealthCheckResult {
  /** What is asked: `state`, `storage`, `pipeline` … */
  readonly name: string;
  readonly status: 'ok' | 'failing';
  /** Whether the server cannot take uploads without it. */
  readonly required: boolean;
  /** A line of facts, or why it fails; for people. */
  readonly detail: string;
  /** How long the answer took. */
  readonly milliseconds: number;
}

export interface Health {
  readonly status: HealthStatus;
  readonly version: string;
  readonly checks: readonly HealthCheckResult[];
}
