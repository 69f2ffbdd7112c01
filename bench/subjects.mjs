/** The servers that are compared, and how each is started. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..');
export const nodeBinary = join(root, 'node_modules', '.bin', 'node');

function holdfast(durability, protocol = 'holdfast', more = [], store = null) {
  return {
    protocol,
    /** Where it keeps bytes: on its disk, or in a store of `stores.mjs`. */
    store,
    // As it is started in earnest: its first line names the flags that it wants.
    command: (port, folder, { server }) => [
      server,
      ...['serve', '--port', String(port), '--data', folder, '--durability', durability],
      ...['--log-level', 'warn', '--no-pipeline', ...more],
    ],
  };
}

const sink = (variant) => ({
  protocol: 'sink',
  command: (port, folder) => [nodeBinary, join(here, 'servers', 'sink.mjs'), String(port), folder, variant],
});

const tusCommand = (port, folder) => [nodeBinary, join(here, 'servers', 'tus-peer.mjs'), String(port), folder];

export const subjects = {
  'holdfast committed': holdfast('committed'),
  'holdfast synced': holdfast('synced'),
  'holdfast committed, one request': holdfast('committed', 'holdfast-one-request'),
  'holdfast synced, one request': holdfast('synced', 'holdfast-one-request'),
  'holdfast committed + SHA-256': { ...holdfast('committed'), chunkDigests: true },
  'holdfast committed, tus': holdfast('committed', 'holdfast-tus'),
  'holdfast synced, tus': holdfast('synced', 'holdfast-tus'),
  'holdfast committed, tus, one request': holdfast('committed', 'holdfast-tus-one-request'),
  'holdfast committed, 2 processes': holdfast('committed', 'holdfast', ['--processes', '2']),
  'holdfast synced, 2 processes': holdfast('synced', 'holdfast', ['--processes', '2']),
  'holdfast committed, S3 stub': holdfast('committed', 'holdfast', [], 'stub'),
  'holdfast synced, S3 stub': holdfast('synced', 'holdfast', [], 'stub'),
  'holdfast synced, Swift (slow by itself)': holdfast('synced', 'holdfast', [], 'swift'),
  'sink (writev)': sink('gather'),
  'sink (createWriteStream)': sink('stream'),
  tus: { protocol: 'tus', command: tusCommand },
  'tus, one request': { protocol: 'tus-one-request', command: tusCommand },
};

export const defaultServer = join(root, 'packages', 'server', 'bin', 'holdfast.js');
