/** One run of one server in one scenario: a fresh folder and process, the load, the check of every stored file. */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { ServerProcess } from './server-process.mjs';
import { startStore } from './stores.mjs';
import { nodeBinary } from './subjects.mjs';

const loadProgram = join(dirname(fileURLToPath(import.meta.url)), 'load', 'main.mjs');
/** Smaller files stay until the end: see `run`. */
const truncateBytesMin = 1024 * 1024;

async function sha256Of(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** As the server gives it back. */
async function sha256Served(port, asset) {
  const hash = createHash('sha256');
  const answer = await fetch(`http://127.0.0.1:${port}/v1/assets/${asset}/content`);
  for await (const bytes of answer.body) hash.update(bytes);
  return hash.digest('hex');
}

function load(job, server) {
  return new Promise((resolve, reject) => {
    const child = fork(loadProgram, { execPath: nodeBinary });
    child.on('message', (message) => {
      if (message.type === 'result') resolve(message.result);
      else if (message.type === 'failed') reject(new Error(message.message));
      else server.restart().then((restarted) => child.send(restarted), reject);
    });
    child.once('exit', (code) => reject(new Error(`the load generator ended with ${code}`)));
    child.send(job);
  });
}

/**
 * Resolves to the figures. Files that were checked are cut to nothing but not removed: freeing inodes slows the making of files on ext4 by
 * a factor of ten for a minute, and pages that are still to be written would slow the next run.
 */
export async function measure({ subject, scenario, folder, options }) {
  mkdirSync(folder, { recursive: true });
  const store = subject.store ? await startStore(subject.store) : null;
  const server = new ServerProcess(subject, folder, { ...options, store });
  try {
    await server.start();
    const chunkDigests = subject.chunkDigests === true;
    const job = { ...scenario.job, protocol: subject.protocol, chunkDigests, port: server.port, pid: server.pid };
    const { files, ...figures } = await load(job, server);
    for (const { path, sha256 } of files) {
      const found = store === null ? await sha256Of(join(folder, path)) : await sha256Served(server.port, sha256);
      if (found !== sha256) throw new Error(`${path} does not have the bytes that were sent`);
    }
    await server.stop();
    if (store !== null) return figures;
    for (const { path } of files) if (scenario.job.bytes >= truncateBytesMin) truncateSync(join(folder, path));
    return figures;
  } finally {
    await server.kill();
    await store?.stop();
  }
}
