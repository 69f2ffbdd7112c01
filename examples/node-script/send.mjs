// Sends files and prints what the pipeline made of them. Node 22 or newer.
import { setTimeout as wait } from 'node:timers/promises';
import { createUploadClient } from '@holdfast/client';
import { fileSource, nodeTransport } from '@holdfast/client/node';

const endpoint = process.env.HOLDFAST_URL ?? 'http://127.0.0.1:8080';
const key = process.env.HOLDFAST_KEY;
const headers = key ? { authorization: `Bearer ${key}` } : {};
const transport = nodeTransport();
const client = createUploadClient({ endpoint, transport, getHeaders: () => headers });

const ask = async (path) => (await fetch(`${endpoint}${path}`, { headers })).json();

/** The run of the pipeline, when it is over. */
async function processed(assetId) {
  for (;;) {
    const { items } = await ask(`/v1/assets/${assetId}/runs`);
    if (items[0] && items[0].state !== 'running') return items[0];
    await wait(500);
  }
}

for (const path of process.argv.slice(2)) {
  const upload = client.add(await fileSource(path));
  upload.subscribe(() => {
    const { state, progress } = upload.snapshot;
    process.stderr.write(`\r${path}: ${state}, ${Math.floor(progress * 100)} %   `);
  });
  const { assetId, sha256 } = await upload.done;
  const { state } = await processed(assetId);
  const { items } = await ask(`/v1/assets/${assetId}/artifacts`);
  process.stderr.write('\n');
  console.log(JSON.stringify({ path, sha256, run: state, artifacts: items.map(({ name }) => name) }));
}
transport.close();
