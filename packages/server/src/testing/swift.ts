/**
 * A real S3 server for tests: Debian's OpenStack Swift with its s3api, as four processes and memcached in a temporary folder, on free ports
 * of loopback. Knows Signature Version 4, multipart uploads, copies of ranges and presigned addresses.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const run = promisify(execFile);
const startMs = 60_000;

/** Where each kind of data is: all on one device. One process in the place of nine calls of swift-ring-builder. */
const rings = `
import json, sys
from swift.common.ring import RingBuilder
folder, ports = sys.argv[1], json.loads(sys.argv[2])
for kind in ('account', 'container', 'object'):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({'id': 0, 'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': ports[kind], 'device': 'd1', 'weight': 1})
    builder.rebalance()
    builder.get_ring().save('%s/%s.ring.gz' % (folder, kind))
`;

export interface TestSwift extends AsyncDisposable {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Kills the servers, and starts them again on the same ports over what they kept; memcached starts empty. */
  restart(): Promise<void>;
  /** Ends the servers and deletes what they kept. Idempotent. */
  stop(): Promise<void>;
}

type Kind = 'account' | 'container' | 'object';
type Ports = Readonly<Record<Kind | 'proxy' | 'memcached', number>>;

/** Starts the servers: 3 to 20 seconds, by how busy the machine is. Rejects when Swift is not installed. */
export async function startSwift(): Promise<TestSwift> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-swift-'));
  const children: ChildProcess[] = [];
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= end(children).then(() => rm(dir, { recursive: true, force: true }));
    return stopping;
  };
  try {
    const ports = await freePorts();
    await configure(dir, ports);
    const start = async (prepared: Promise<unknown>) => {
      children.push(
        spawn('memcached', ['-l', '127.0.0.1', '-p', String(ports.memcached), '-u', 'root'], { stdio: 'ignore' }),
      );
      for (const kind of ['account', 'container', 'object'] as const) children.push(serve(dir, kind));
      // The others look at the rings when they are first asked.
      await prepared;
      children.push(serve(dir, 'proxy'));
      await Promise.all(Object.values(ports).map((port) => answers(port)));
    };
    await start(run('/usr/bin/python3', ['-c', rings, dir, JSON.stringify(ports)]));
    return {
      restart: async () => {
        await end(children.splice(0));
        if (stopping === null) await start(Promise.resolve());
      },
      endpoint: `http://127.0.0.1:${ports.proxy}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test:tester', secretAccessKey: 'testing' },
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    const words = await readFile(join(dir, 'log'), 'utf8').catch(() => '');
    await stop();
    throw new Error(`Swift did not start: ${error instanceof Error ? error.message : error}\n${words.slice(-2_000)}`);
  }
}

async function configure(dir: string, ports: Ports): Promise<void> {
  mkdirSync(join(dir, 'devices', 'd1'), { recursive: true });
  const write = (name: string, lines: readonly string[]) => writeFile(join(dir, name), `${lines.join('\n')}\n`);
  await write('swift.conf', ['[swift-hash]', 'swift_hash_path_prefix = holdfast', 'swift_hash_path_suffix = test']);
  for (const kind of ['account', 'container', 'object'] as const) {
    await write(`${kind}-server.conf`, [
      ...common(dir, ports[kind]),
      `devices = ${join(dir, 'devices')}`,
      'mount_check = false',
      'fallocate_reserve = 0',
      '[pipeline:main]',
      `pipeline = ${kind}-server`,
      `[app:${kind}-server]`,
      `use = egg:swift#${kind}`,
    ]);
  }
  const filters = 'catch_errors proxy-logging cache listing_formats s3api tempauth copy slo';
  await write('proxy-server.conf', [
    ...common(dir, ports.proxy),
    '[pipeline:main]',
    `pipeline = ${filters} proxy-server`,
    '[app:proxy-server]',
    'use = egg:swift#proxy',
    'account_autocreate = true',
    'allow_account_management = true',
    ...['catch_errors', 'listing_formats', 'copy', 'slo'].flatMap((one) => [
      `[filter:${one}]`,
      `use = egg:swift#${one}`,
    ]),
    '[filter:proxy-logging]',
    'use = egg:swift#proxy_logging',
    '[filter:cache]',
    'use = egg:swift#memcache',
    `memcache_servers = 127.0.0.1:${ports.memcached}`,
    '[filter:s3api]',
    'use = egg:swift#s3api',
    's3_acl = false',
    '[filter:tempauth]',
    'use = egg:swift#tempauth',
    'user_test_tester = testing .admin',
  ]);
}

function common(dir: string, port: number): string[] {
  return [
    '[DEFAULT]',
    'bind_ip = 127.0.0.1',
    `bind_port = ${port}`,
    'workers = 0',
    'user = root',
    `swift_dir = ${dir}`,
    'log_level = ERROR',
    `log_address = ${join(dir, 'no-log')}`,
  ];
}

function serve(dir: string, kind: Kind | 'proxy'): ChildProcess {
  const child = spawn(`swift-${kind}-server`, [join(dir, `${kind}-server.conf`)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SWIFT_TEST_CONFIG_FILE: '', PYTHONDONTWRITEBYTECODE: '1' },
  });
  const log = createWriteStream(join(dir, 'log'), { flags: 'a' });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  return child;
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGKILL');
      await ended;
    }),
  );
}

async function freePorts(): Promise<Ports> {
  const [account, container, object, proxy, memcached] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  return { account, container, object, proxy, memcached };
}

/** Resolves once something listens. */
async function answers(port: number): Promise<void> {
  const deadline = Date.now() + startMs;
  while (Date.now() < deadline) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing listens on port ${port} after ${startMs / 1000} s`);
}
