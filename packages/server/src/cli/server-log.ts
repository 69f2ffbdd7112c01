/** The log of a server: JSON lines on standard output, without what is secret in requests. */
import { type Logger, pino } from 'pino';
import type { Config } from '../config/schema.ts';

/** Parts of log lines that are never written. */
const redacted = ['req.headers.authorization', 'req.headers.cookie'];

export function serverLog({ logLevel }: Config, base: Readonly<Record<string, unknown>> | null = null): Logger {
  return pino({ level: logLevel, base, redact: redacted });
}
