/** `holdfast serve`: the server on one machine, everything in one folder. */
import cluster from 'node:cluster';
import { type Command, Option } from 'commander';
import type { Logger } from 'pino';
import { processCount } from '../config/process-settings.ts';
import { type Config, type ConfigKey, ConfigSchema } from '../config/schema.ts';
import type { HoldfastError } from '../core/errors.ts';
import { openNode } from './compose.ts';
import { crashPointsFromEnvironment } from './crash-points.ts';
import { listenError, refuseOpenDoor } from './listening.ts';
import { readConfig } from './read-config.ts';
import { serverLog } from './server-log.ts';
import { onStopSignals, type StopSignal, stopCodes } from './stop-signals.ts';

/** Settings that have a flag; the others come from the file or the environment. */
const flags: readonly { readonly key: ConfigKey; readonly flag: string }[] = [
  { key: 'host', flag: '--host <address>' },
  { key: 'port', flag: '--port <number>' },
  { key: 'dataDir', flag: '--data <dir>' },
  { key: 'state', flag: '--state <where>' },
  { key: 'ledger', flag: '--ledger <where>' },
  { key: 'blobs', flag: '--blobs <where>' },
  { key: 'dispatcher', flag: '--dispatcher <name>' },
  { key: 'role', flag: '--role <role>' },
  { key: 'nodeName', flag: '--node-name <name>' },
  { key: 'processes', flag: '--processes <number>' },
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
  // A worker gets its settings from its supervisor: the file may have changed since that one read it.
  if (cluster.isWorker) return await (await import('./processes/worker.ts')).runWorker();
  const config = await configOf(options);
  refuseOpenDoor(config);
  const log = serverLog(config);
  const count = processCount(config.processes);
  if (count > 1) return await serveSeveral(config, log, count);
  let lost = (_error: HoldfastError): void => {};
  const crash = crashPointsFromEnvironment(process.env);
  const node = await openNode({ config, log, crash, onLost: (error) => lost(error) });
  const stop = stopOnSignals(log, { close: () => node.close() });
  lost = (error) => {
    log.error({ err: error }, 'this node has to end: another one has its name');
    process.stderr.write(`holdfast: ${error.message}\n`);
    void stop().finally(() => process.exit(1));
  };
  try {
    const address = await node.http.app.listen({ host: config.host, port: config.port });
    tellReady(config, log, { address, version: node.version });
  } catch (error) {
    await stop();
    throw listenError(error, config);
  }
}

async function serveSeveral(config: Config, log: Logger, count: number): Promise<void> {
  const { serveProcesses } = await import('./processes/serve-processes.ts');
  const server = await serveProcesses(config, log, count);
  stopOnSignals(log, server);
  tellReady(config, log, { ...server.serving, processes: count });
}

function tellReady(config: Config, log: Logger, ready: { address: string; version: string; processes?: number }): void {
  const { address, version, processes } = ready;
  const { dataDir, durability } = config;
  log.info({ ...ready, dataDir, durability, pid: process.pid }, `Holdfast listens on ${address}`);
  const several = processes === undefined ? '' : ` · ${processes} processes`;
  process.stderr.write(
    `\n  Holdfast ${version} is ready: ${address}\n  Data in ${dataDir}${several} · Ctrl-C stops it\n\n`,
  );
}

/** Flags over the environment over the file; `more` over all of them. */
export async function configOf(
  options: Record<string, unknown>,
  more: Partial<Record<ConfigKey, unknown>> = {},
): Promise<Config> {
  const given: Partial<Record<ConfigKey, unknown>> = {
    host: options['host'],
    port: numeric(options['port']),
    dataDir: options['data'],
    processes: numeric(options['processes']),
    state: options['state'],
    ledger: options['ledger'],
    blobs: options['blobs'],
    dispatcher: options['dispatcher'],
    role: options['role'],
    nodeName: options['nodeName'],
    durability: options['durability'],
    logLevel: options['logLevel'],
    pipelines: options['pipelines'],
    pipeline: options['pipeline'] === false ? false : undefined,
    ...more,
  };
  return await readConfig({ file: options['config'] as string | undefined, env: process.env, flags: given });
}

function numeric(value: unknown): unknown {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}

/** First signal: stop in order. Second: stop at once; the next start recovers. */
function stopOnSignals(log: Logger, server: { close(): Promise<void>; kill?(): void }): () => Promise<void> {
  let closing: Promise<void> | null = null;
  const close = async () => {
    log.info('stopping: no new requests, finishing what runs');
    await server.close();
    log.info('stopped');
  };
  const stop = () => {
    closing ??= close();
    return closing;
  };
  const stopAtOnce = (signal: StopSignal) => {
    server.kill?.();
    process.exit(stopCodes[signal]);
  };
  onStopSignals((signal) => {
    if (closing) stopAtOnce(signal);
    else void stop().then(() => process.exit(0));
  }, stopAtOnce);
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
