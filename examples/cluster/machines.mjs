/** What the example runs on: PostgreSQL, an S3 server with a bucket, and nodes, each with a folder of its own. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startPostgres } from '../../packages/server/dist/testing/postgres.js';
import { startSwift } from '../../packages/server/dist/testing/swift.js';

const holdfast = fileURLToPath(new URL('../../packages/server/bin/holdfast.js', import.meta.url));
const bucket = 'holdfast';

export async function startStores() {
  const [postgres, swift] = await Promise.all([startPostgres(), startSwift()]);
  const { endpoint, region, credentials } = swift;
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return {
    databaseUrl: await postgres.createDatabase(),
    blobs: `s3://${bucket}/media`,
    env: {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      HOLDFAST_S3_ENDPOINT: endpoint,
      HOLDFAST_S3_REGION: region,
      HOLDFAST_S3_PATH_STYLE: 'true',
    },
    stop: () => Promise.all([postgres.stop(), swift.stop()]),
  };
}

/** Resolves when the node takes requests. */
export async function startNode({ folder, stores, dispatcher, name }) {
  const data = join(folder, name);
  await mkdir(data);
  const args = ['serve', '--data', data, '--node-name', name, '--state', stores.databaseUrl, '--blobs', stores.blobs];
  args.push('--pipelines', join(folder, 'pipelines.yaml'));
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...stores.env, HOLDFAST_DISPATCHER: dispatcher };
  const node = { name, url: '', process: null, restart: () => start(), stop };
  let port = '0';

  async function start() {
    const child = spawn(process.execPath, [holdfast, ...args, '--port', port], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    node.process = child;
    let said = '';
    child.stderr.on('data', (data) => {
      said = (said + data).slice(-4_000);
    });
    node.url = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { address } = JSON.parse(line);
        if (address !== undefined) resolve(address);
      });
      child.once('exit', () => reject(new Error(`${name} ended: ${said}`)));
    });
    port = new URL(node.url).port;
  }

  async function stop() {
    if (node.process.exitCode !== null || node.process.signalCode !== null) return;
    const gone = new Promise((resolve) => node.process.once('exit', resolve));
    node.process.kill('SIGTERM');
    await gone;
  }

  await start();
  return node;
}
