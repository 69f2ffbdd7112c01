/** Stores of objects that a server under measurement keeps its bytes in. Each on this machine, in processes of its own. */
import { fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeBinary } from './subjects.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const program = join(here, 'servers', 's3-store.mjs');

/** `kind`: stub (in memory: the least that S3 can cost) or swift (a real store, in Python, slow). Resolves to what to tell the server. */
export async function startStore(kind) {
  const child = fork(program, [kind], { execPath: nodeBinary });
  const told = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the store ended with ${code}`)));
  });
  return {
    args: ['--blobs', `s3://${told.bucket}/bench`],
    env: {
      AWS_ACCESS_KEY_ID: told.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: told.credentials.secretAccessKey,
      HOLDFAST_S3_ENDPOINT: told.endpoint,
      HOLDFAST_S3_REGION: 'us-east-1',
      HOLDFAST_S3_PATH_STYLE: 'true',
    },
    stop: () =>
      new Promise((resolve) => {
        child.removeAllListeners('exit').once('exit', resolve);
        child.send('stop');
      }),
  };
}
