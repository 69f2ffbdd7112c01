// The worker that compresses audio, with everything it needs in one file: whoever installs the client has no second package to bundle, and
// no bundler to configure.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'packages/client/dist/audio');
const { version, license } = JSON.parse(readFileSync(join(root, 'node_modules/mediabunny/package.json'), 'utf8'));

await build({
  input: join(dist, 'worker/index.js'),
  platform: 'browser',
  logLevel: 'warn',
  output: {
    file: join(dist, 'worker.js'),
    format: 'esm',
    minify: true,
    sourcemap: false,
    // The licence wants the notice and the way to the source.
    postBanner: `/* Contains mediabunny ${version} (${license}), https://github.com/Vanilagy/mediabunny */`,
  },
});
