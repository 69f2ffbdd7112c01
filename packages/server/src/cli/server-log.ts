/** The log of a server: JSON lines on standard output, without what is secret in requests. */
import { type Logger, type LoggerOptions, pino } from 'pino';
import type { Config } from '../config/schema.ts';

/** Parts of log lines that are never written. */
const redacted = ['req.headers.authorization', 'req.headers.cookie'];
/** Kept while they cannot be written, in bytes; what comes behind them is dropped. */
const waitingBytesMax = 1024 * 1024;

/** Lines that cannot be written wait, and serving goes on: the disk that the log is on may be full. */
export function serverLog({ logLevel }: Config, base: LoggerOptions['base'] = null): Logger {
  const output = pino.destination({ dest: 1, sync: false, maxLength: waitingBytesMax });
  let writes = true;
  // Without a listener each of them would end as an exception, in the middle of a request or of a stop.
  output.on('error', () => {
    writes = false;
  });
  output.on('write', () => {
    writes = true;
  });
  // Called at the end of the process. It tries until there is room, which would keep the process from ending.
  const flush = output.flushSync.bind(output);
  output.flushSync = () => {
    if (writes) flush();
  };
  return pino({ level: logLevel, base, redact: redacted }, output);
}
