/** `holdfast serve`: the server on one machine, everything in one folder. */
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { pino } from 'pino';
import { loadConfig } from '../config/load.ts';
import { type Config, type ConfigKey, ConfigSchema } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import { openNode } from './compose.ts';
import { crashPointsFromEnvironment } from './crash-points.ts';

/** Settings that have a flag; the others come from the file or the environment. */
const flags: readonly { readonly key: ConfigKey; readonly flag: string }[] = [
  { key: 'host', flag: '--host <address>' },
  { key: 'port', flag: '--port <number>' },
  { key: 'dataDir', flag: '--data <dir>' },
  { key: 'state', flag: '--state <where>' },
  { key: 'blobs', flag: '--blobs <where>' },
  { key: 'role', flag: '--role <role>' },
  { key: 'nodeName', flag: '--node-name <name>' },
  { key: 'durability', flag: '--durability <level>' },
  { key: 'logLevel', flag: '--log-level <level>' },
  { key: 'pipelines', flag: '--pipelines <file>' },
];

export function registerServe(program: Command): void {
  const command = program
    .command('serve')
    .description('Start the server: uploads, pipeline and web page, everything in one folder.');
  command.option('--config <file>', 'settings in YAML or JSON; also HOLDFAST_CONFIG');
  for (const { key, flag } of flags) {
    const { description = '', default: standard } = ConfigSchema.properties[key] as {
      description?: string;
      default?: unknown;
    };
    const words = standard === undefined ? '' : ` (default: ${JSON.stringify(standard)})`;
    command.addOption(new Option(flag, description + words));
  }
  command.option('--no-pipeline', 'take uploads only, process nothing');
  command.addHelpText('after', serveHelp());
  command.action(async (options: Record<string, unknown>) => serve(options));
}

async function serve(options: Record<string, unknown>): Promise<void> {
  const config = await configOf(options);
  refuseOpenDoor(config);
  const log = pino({ level: config.logLevel, base: null, redact: ['req.headers.authorization', 'req.headers.cookie'] });
  let lost = (_error: HoldfastError): void => {};
  const node = await openNode({
    config,
    log,
    crash: crashPointsFromEnvironment(process.env),
    onLost: (error) => lost(error),
  });
  const stop = stopOnSignals(async () => {
    log.info('stopping: no new requests, finishing what runs');
    await node.close();
    log.info('stopped');
  });
  lost = (error) => {
    log.error({ err: error }, 'this node has to end: another one has its name');
    process.stderr.write(`holdfast: ${error.message}\n`);
    void stop().finally(() => process.exit(1));
  };
  try {
    const address = await node.http.app.listen({ host: config.host, port: config.port });
    log.info(
      { version: node.version, address, dataDir: config.dataDir, durability: config.durability, pid: process.pid },
      `Holdfast listens on ${address}`,
    );
    process.stderr.write(
      `\n  Holdfast ${node.version} is ready: ${address}\n  Data in ${config.dataDir} · Ctrl-C stops it\n\n`,
    );
  } catch (error) {
    await stop();
    throw listenError(error, config);
  }
}

/** Flags over the environment over the file; `more` over all of them. */
export async function configOf(
  options: Record<string, unknown>,
  more: Partial<Record<ConfigKey, unknown>> = {},
): Promise<Config> {
  const name = (options['config'] as string | undefined) ?? process.env['HOLDFAST_CONFIG'];
  const file = name === undefined ? {} : { file: { name, text: await readConfigFile(name) } };
  const given: Partial<Record<ConfigKey, unknown>> = {
    host: options['host'],
    port: numeric(options['port']),
    dataDir: options['data'],
    state: options['state'],
    blobs: options['blobs'],
    role: options['role'],
    nodeName: options['nodeName'],
    durability: options['durability'],
    logLevel: options['logLevel'],
    pipelines: options['pipelines'],
    pipeline: options['pipeline'] === false ? false : undefined,
    ...more,
  };
  return loadConfig({ ...file, env: process.env, flags: given });
}

async function readConfigFile(name: string): Promise<string> {
  try {
    return await readFile(name, 'utf8');
  } catch (cause) {
    throw new HoldfastError(
      'invalid-request',
      `The configuration file ${name} cannot be read: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

function numeric(value: unknown): unknown {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}

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
  return error;
}

/** First signal: stop in order. Second: stop at once; the next start recovers. */
function stopOnSignals(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | null = null;
  const stop = () => {
    closing ??= close();
    return closing;
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (closing) process.exit(signal === 'SIGINT' ? 130 : 143);
      void stop().then(() => process.exit(0));
    });
  }
  return stop;
}

function serveHelp(): string {
  const lines = Object.entries(ConfigSchema.properties).map(([key, schema]) => {
    const { description = '', default: standard } = schema as { description?: string; default?: unknown };
    const env = `HOLDFAST_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
    return `  ${env}\n      ${description}${standard === undefined ? '' : ` Default: ${JSON.stringify(standard)}.`}`;
  });
  return `\nSettings from the environment (the file takes the same in camelCase):\n${lines.join('\n')}\n`;
}
