/**
 * Several `holdfast serve` processes on one PostgreSQL and one data folder, behind a balancer that gives every connection to the next node.
 * Each node reaches the database by a way of its own, which can be cut.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseProxy } from '../../packages/server/src/testing/database-proxy.ts';
import { startPostgres, type TestPostgres } from '../../packages/server/src/testing/postgres.ts';
import { ServerProcess } from './server-process.ts';

export interface ClusterWish {
  /** Arguments of each node; their number is the number of nodes. */
  readonly nodes: readonly (readonly string[])[];
  /** Where bytes are, as `--blobs` takes it; then each node has a data folder of its own. Default: the data folder that the nodes share. */
  readonly blobs?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Text of the pipelines' definition file. */
  readonly pipelines?: string;
}

/** One node of it. */
export interface ClusterNode {
  readonly name: string;
  readonly server: ServerProcess;
  /** Its way to the database. */
  readonly database: DatabaseProxy;
}

export class Cluster {
  readonly nodes: readonly ClusterNode[];
  /** The database itself, not by the way of a node. */
  readonly databaseUrl: string;
  readonly postgres: TestPostgres;
  readonly dataDir: string;
  readonly #balancer: Balancer;

  private constructor(parts: Pick<Cluster, 'nodes' | 'databaseUrl' | 'postgres' | 'dataDir'>, balancer: Balancer) {
    this.nodes = parts.nodes;
    this.databaseUrl = parts.databaseUrl;
    this.postgres = parts.postgres;
    this.dataDir = parts.dataDir;
    this.#balancer = balancer;
  }

  static async start(wish: ClusterWish): Promise<Cluster> {
    const postgres = await startPostgres();
    const databaseUrl = await postgres.createDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-cluster-'));
    const more: string[] = wish.blobs === undefined ? [] : ['--blobs', wish.blobs];
    if (wish.pipelines !== undefined) {
      await writeFile(join(dataDir, 'pipelines.yaml'), wish.pipelines);
      more.push('--pipelines', join(dataDir, 'pipelines.yaml'));
    }
    const starting = wish.nodes.map(async (flags, i) => {
      const name = `node-${i + 1}`;
      const database = await DatabaseProxy.to(databaseUrl);
      const args = ['--state', database.url, '--node-name', name, ...more, ...flags];
      const own = wish.blobs === undefined ? dataDir : await mkdtemp(join(dataDir, `${name}-`));
      return { name, database, server: await ServerProcess.start({ dataDir: own, args, env: { ...wish.env } }) };
    });
    const started = await Promise.allSettled(starting);
    const nodes = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const balancer = await Balancer.start(() => nodes.map(({ server }) => server.port));
    const cluster = new Cluster({ nodes, databaseUrl, postgres, dataDir }, balancer);
    const failed = started.find((one) => one.status === 'rejected');
    if (failed === undefined) return cluster;
    await cluster.close();
    throw failed.reason;
  }

  /** Any node, without sticky sessions: the next connection goes to the next one that takes connections. */
  get url(): string {
    return this.#balancer.url;
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ server }) => server.close()));
    await this.#balancer.close();
    await Promise.all(this.nodes.map(({ database }) => database.close()));
    await this.postgres.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Round robin over connections. One that a node refuses goes to the next. */
class Balancer {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(ports: () => readonly number[]): Promise<Balancer> {
    const sockets = new Set<Socket>();
    let turn = 0;
    const server = createServer({ pauseOnConnect: true }, (near) => {
      keep(sockets, near);
      const order = ports();
      const reach = (tries: number) => {
        const port = order[turn % order.length];
        turn += 1;
        if (port === undefined || tries === 0) return void near.destroy();
        const far = connect(port, '127.0.0.1');
        far.once('error', () => reach(tries - 1));
        far.once('connect', () => {
          far.removeAllListeners('error');
          keep(sockets, far);
          near.once('close', () => far.destroy());
          far.once('close', () => near.destroy());
          near.pipe(far).pipe(near);
        });
      };
      reach(order.length);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Balancer(server, sockets);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.on('error', () => {}).once('close', () => sockets.delete(socket));
}
