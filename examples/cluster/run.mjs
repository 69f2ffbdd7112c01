/**
 * Three nodes on one PostgreSQL and one bucket, which share nothing else. Sound files are sent through nodes chosen by chance, chunk by chunk,
 * while nodes are killed and started again. Ends with a table, and with 1 when anything is not as it should be.
 */
import { once } from 'node:events';
import { openAsBlob } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createUploadClient } from '@holdfast/client';
import { nodeTransport } from '@holdfast/client/node';
import { checkAll } from './check.mjs';
import { startNode, startStores } from './machines.mjs';
import { makeSounds } from './sounds.mjs';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '50' },
    nodes: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '20' },
    dispatcher: { type: 'string', default: 'pg-boss' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log(`Usage: node examples/cluster/run.mjs [--files 50] [--nodes 3] [--seconds 20] [--dispatcher pg-boss|embedded]

  --files       sound files to send
  --nodes       nodes to start
  --seconds     length of each file; a second is about 190 KB
  --dispatcher  who hands steps to the nodes`);
  process.exit(0);
}

/** Files under way at once, and milliseconds between two deaths. */
const lanes = 4;
const deathMs = 2_500;

const pipelines = `default: false
pipelines:
  - name: sound
    applies: { types: ["audio/*"] }
    steps:
      - { name: probe, uses: probe }
      - { name: waveform, uses: waveform }
      - name: sum
        command: [sha256sum, "{input}"]
        version: 1
        outputs: { sum: { file: sum.txt, type: text/plain, from: stdout } }
`;

const stopping = new AbortController();
process.once('SIGINT', () => stopping.abort(new Error('Stopped.')));
const folder = await mkdtemp(join(tmpdir(), 'holdfast-cluster-example-'));
const undo = [() => rm(folder, { recursive: true, force: true })];
try {
  await main();
} catch (error) {
  process.exitCode = stopping.signal.aborted ? 130 : 1;
  console.error(error instanceof Error ? error.message : error);
} finally {
  for (const step of undo.reverse()) await step();
}

async function main() {
  const count = Number(values.files);
  say('Starting PostgreSQL and an S3 server (OpenStack Swift) …');
  const stores = await startStores();
  undo.push(() => stores.stop());
  await mkdir(join(folder, 'in'));
  await writeFile(join(folder, 'pipelines.yaml'), pipelines);

  say(`Starting ${values.nodes} nodes …`);
  const wish = { folder, stores, dispatcher: values.dispatcher };
  const nodes = await Promise.all(
    Array.from({ length: Number(values.nodes) }, (_, i) => startNode({ ...wish, name: `node-${i + 1}` })),
  );
  undo.push(() => Promise.all(nodes.map((node) => node.stop())));

  say(`Making ${count} sound files …`);
  const sounds = await makeSounds(join(folder, 'in'), { count, seconds: Number(values.seconds) });

  say('Sending them through nodes chosen by chance, while nodes die …');
  const started = performance.now();
  let over = false;
  const deaths = killSometimes(nodes, () => over || stopping.signal.aborted);
  const transport = anyNode(nodes);
  undo.push(() => transport.close());
  const sent = await sendAll(sounds, transport).finally(() => {
    over = true;
  });
  const killed = await deaths;
  stopping.signal.throwIfAborted();
  say(`All were taken after ${Math.round((performance.now() - started) / 1000)} s. Waiting until they are processed …`);
  const rows = await checkAll({ sent, nodes, databaseUrl: stores.databaseUrl, signal: stopping.signal });
  console.table(rows);
  const wrong = rows.filter((row) => row.state !== 'completed' || row.digest !== 'right' || row.processed !== 'once');
  console.log(
    `${rows.length} files, ${killed} deaths of nodes: ${rows.length - wrong.length} complete, with the right digest, processed once; ${wrong.length} not.`,
  );
  if (wrong.length > 0) process.exitCode = 1;
}

/** Every request goes to another node, a dead one too: the client tries again. */
function anyNode(nodes) {
  const transport = nodeTransport();
  const send = (request, options) => {
    const node = nodes[Math.floor(Math.random() * nodes.length)];
    return transport.send({ ...request, url: request.url.replace('http://cluster', node.url) }, options);
  };
  return { send, close: () => transport.close() };
}

async function sendAll(sounds, transport) {
  const client = createUploadClient({ endpoint: 'http://cluster', transport, chunkSize: 1024 * 1024 });
  const waiting = [...sounds];
  const sent = [];
  const lane = async () => {
    for (let sound = waiting.shift(); sound !== undefined; sound = waiting.shift()) {
      stopping.signal.throwIfAborted();
      const blob = await openAsBlob(sound.path, { type: 'audio/x-wav' });
      const upload = client.add(blob, { filename: sound.name });
      const done = await upload.done.catch((error) => ({ error: error.message }));
      sent.push({ ...sound, upload: done });
      process.stdout.write(`\r  ${sent.length} of ${sounds.length} `);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  process.stdout.write('\n');
  return sent;
}

/** Kills a node without a word and starts it again a second later. */
async function killSometimes(nodes, over) {
  let deaths = 0;
  while (!over()) {
    await sleep(deathMs * (0.5 + Math.random()));
    if (over()) break;
    const node = nodes[Math.floor(Math.random() * nodes.length)];
    node.process.kill('SIGKILL');
    await once(node.process, 'exit');
    deaths += 1;
    await sleep(1_000);
    await node.restart();
  }
  return deaths;
}

function say(words) {
  console.log(words);
}
