/** What can be wrong with where a server listens, in words that say what to do. */
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';

export function refuseOpenDoor(config: Config): void {
  const loopback = config.host === 'localhost' || config.host === '::1' || /^127\./.test(config.host);
  if (loopback || config.apiKeys.length > 0 || config.jwksUrl !== undefined) return;
  throw new HoldfastError(
    'forbidden',
    `Refusing to listen on ${config.host} without authentication. Set HOLDFAST_API_KEYS=name:key (a key of at least 16 characters), or listen on 127.0.0.1.`,
  );
}

export function listenError(error: unknown, config: Config): unknown {
  const { code } = error as { code?: string };
  if (code === 'EADDRINUSE')
    return new HoldfastError(
      'unavailable',
      `Port ${config.port} on ${config.host} is in use. Stop what uses it, or take another with --port.`,
      { cause: error },
    );
  if (code === 'EACCES')
    return new HoldfastError(
      'unavailable',
      `Not allowed to listen on port ${config.port}. Take one above 1023 with --port.`,
      { cause: error },
    );
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new HoldfastError(
      'unavailable',
      `This machine has no address ${config.host}. Name one of its own with --host, or 0.0.0.0 for all that it has.`,
      { cause: error },
    );
  return error;
}
