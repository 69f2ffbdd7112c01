// Puts the command line and its worker threads into few files, and the browser's worker into one: a server that starts from them is up in half the time and smaller in
// memory, because a thousand modules are neither looked up nor kept whole. Native packages stay outside.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';
import { builtinImports } from './builtin-imports.mjs';

const server = join(dirname(fileURLToPath(import.meta.url)), '../packages/server');
const client = join(server, '../client');

// Workers are started by the name of the file beside the one that asks, so that all files are in one folder, at the depth of dist/cli.
const input = {
  main: join(server, 'dist/cli/main.js'),
  'hash-worker': join(server, 'dist/blobs/disk/hash-worker.js'),
  'md5-worker': join(server, 'dist/blobs/s3/md5-worker.js'),
  'frame-worker': join(server, 'dist/pipeline/media/frame-worker.js'),
  'native-worker': join(server, 'dist/pipeline/speech/native-worker.js'),
  'ocr-worker': join(server, 'dist/pipeline/ocr/pp-ocr/ocr-worker.js'),
  'file-digest-worker': join(client, 'dist/node/file-digest-worker.js'),
};

rmSync(join(server, 'dist/bin'), { recursive: true, force: true });
const bundle = await build({
  input,
  platform: 'node',
  plugins: [builtinImports],
  external: [
    ...['better-sqlite3', '@node-rs/crc32', 'pg-native'],
    // Optional, and looked for when they are wanted.
    ...['sherpa-onnx-node', 'tesseract.js', 'onnxruntime-web'],
    // The API alone is part of prom-client.
    /^@opentelemetry\/(?!api$)/,
  ],
  logLevel: 'warn',
  output: {
    dir: join(server, 'dist/bin'),
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    minify: { compress: true, mangle: false, codegen: true },
    sourcemap: false,
  },
});
// V8 keeps the source that it runs, and Node.js reads a file with one character beyond ASCII into two bytes for each: 2 MB of memory.
for (const { type, code, fileName } of bundle.output) {
  if (type === 'chunk') writeFileSync(join(server, 'dist/bin', fileName), inAscii(code));
}

/** The same program with escapes for what is beyond ASCII. After a backslash an escape would mean something else. */
function inAscii(code) {
  if (/\\[\u0080-\uffff]/.test(code)) throw new Error('A character beyond ASCII follows a backslash.');
  return code.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// The browser's worker: one file of its own, so that it runs wherever it is served from. IIFE: as a module and as a classic script.
await build({
  input: join(client, 'dist/worker/index.js'),
  platform: 'browser',
  logLevel: 'warn',
  output: { file: join(client, 'dist/worker.js'), format: 'iife', minify: true, sourcemap: false },
});
// For pages without a build: modules that import nothing but each other, with their worker beside them.
const browser = join(client, 'dist/browser');
rmSync(browser, { recursive: true, force: true });
await build({
  input: {
    client: join(client, 'dist/index.js'),
    queue: join(client, 'dist/queue/index.js'),
    recorder: join(client, 'dist/recorder/index.js'),
  },
  platform: 'browser',
  logLevel: 'warn',
  output: {
    dir: browser,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    minify: true,
  },
});
copyFileSync(join(client, 'dist/worker.js'), join(browser, 'worker.js'));
await import('./bundle-audio-worker.mjs');
// The model that tells speech from other sound, 2.3 MB: it ships in the package, so that no machine has to fetch it.
const models = join(server, 'dist/models');
mkdirSync(models, { recursive: true });
const silero = createRequire(import.meta.url).resolve('@ricky0123/vad-web/dist/silero_vad_v5.onnx');
copyFileSync(silero, join(models, 'silero_vad_v5.onnx'));
writeFileSync(
  join(models, 'LICENSES.txt'),
  `silero_vad_v5.onnx: Silero VAD, version 5, https://github.com/snakers4/silero-vad

MIT License

Copyright (c) 2020-present Silero Team

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY
CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`,
);
