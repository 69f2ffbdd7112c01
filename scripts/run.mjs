// Does all the set-up that a clean clone needs, then starts or tests the product. Runs on the system's Node (20 or newer) without any
// package; everything after the set-up runs on the Node of the devDependency.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = join(root, 'node_modules', '.bin');
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
const [task = 'start', ...rest] = process.argv.slice(2);

/** What the product needs (start) and what its tests need on top (test): command → Debian package. */
const systemPackages = {
  start: { ffmpeg: 'ffmpeg', ffprobe: 'ffmpeg' },
  test: {
    ffmpeg: 'ffmpeg',
    ffprobe: 'ffmpeg',
    chromium: 'chromium',
    '/usr/sbin/nginx': 'nginx-light',
    curl: 'curl',
    '/usr/lib/python3/dist-packages/tusclient/client.py': 'python3-tuspy',
    jq: 'jq',
    flite: 'flite',
    pocketsphinx_continuous: 'pocketsphinx',
    '/usr/share/pocketsphinx/model/en-us/en-us': 'pocketsphinx-en-us',
    '/usr/lib/postgresql/15/bin/initdb': 'postgresql-15',
    'redis-server': 'redis-server',
    'swift-proxy-server': 'swift-proxy',
    'swift-account-server': 'swift-account',
    'swift-container-server': 'swift-container',
    'swift-object-server': 'swift-object',
    memcached: 'memcached',
  },
};

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, env, stdio: 'inherit', ...options });
  if (done.status !== 0) {
    console.error(`\n${[command, ...args].join(' ')} failed${done.error ? `: ${done.error.message}` : ''}.`);
    process.exit(done.status ?? 1);
  }
}

function has(command) {
  return command.startsWith('/')
    ? existsSync(command)
    : spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}

function installSystemPackages(which) {
  const missing = [
    ...new Set(
      Object.entries(systemPackages[which])
        .filter(([command]) => !has(command))
        .map(([, name]) => name),
    ),
  ];
  if (missing.length === 0) return;
  const line = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  const canInstall = has('apt-get') && process.getuid?.() === 0;
  if (!canInstall) {
    console.error(`Missing on this machine: ${missing.join(', ')}. On Debian: sudo ${line}`);
    if (which === 'test') process.exit(1);
    return;
  }
  console.log(`Installing ${missing.join(', ')} …`);
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...env, DEBIAN_FRONTEND: 'noninteractive' } };
  run('apt-get', ['update', '-qq'], quiet);
  // postgresql-15 starts a cluster of its own when it is installed; the tests use theirs.
  run('sh', ['-c', line], quiet);
}

/** Runs `work` unless the stamp says that it was done for the same inputs. */
function once(name, inputs, work) {
  const stamp = join(root, 'node_modules', '.holdfast', name);
  const digest = createHash('sha256');
  for (const file of inputs())
    digest
      .update(file)
      .update('\0')
      .update(readFileSync(join(root, file)));
  const want = digest.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === want) return;
  work();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, want);
}

function* filesIn(folder) {
  for (const entry of readdirSync(join(root, folder)).sort()) {
    if (entry === 'node_modules' || entry === 'dist' || entry.startsWith('.')) continue;
    const path = join(folder, entry);
    if (statSync(join(root, path)).isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

/** `npm --prefix FOLDER start` hands FOLDER on as the place of the machine's own npm settings, and they would not be found. */
function ownSettings() {
  const { npm_config_prefix, npm_config_globalconfig, ...own } = env;
  return own;
}

function install() {
  once(
    'install',
    () => ['package-lock.json'],
    () => {
      console.log('Installing packages …');
      // Not `npm ci`: it stops when the lock leaves out optional packages of other platforms. The versions are the lock's all the same.
      run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], { env: ownSettings() });
    },
  );
}

function build() {
  run(join(bin, 'tsc'), ['-b']);
  run(join(bin, 'node'), [join(root, 'scripts/bundle.mjs')]);
  const inputs = function* () {
    yield* filesIn('apps/web');
    yield* filesIn('packages/client/src');
    yield* filesIn('packages/protocol/src');
  };
  once('web', inputs, () => run(join(bin, 'vite'), ['build', 'apps/web', '--logLevel', 'warn']));
}

function start() {
  const child = spawn(join(bin, 'node'), [join(root, 'packages/server/bin/holdfast.js'), 'serve', ...rest], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}

/** Style, types and every test; ends with the line `N passed, N failed`. */
function test() {
  const report = join(root, 'node_modules', '.holdfast', 'tests.json');
  const lint = spawnSync(join(bin, 'biome'), ['check', '.'], { cwd: root, env, stdio: 'inherit' });
  writeFileSync(report, '{}');
  // The tests start hundreds of processes of the same code.
  env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.holdfast', 'compile-cache');
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...rest];
  const tests = spawnSync(join(bin, 'vitest'), args, { cwd: root, env, stdio: 'inherit' });
  const {
    numPassedTests = 0,
    numFailedTests = 0,
    numPendingTests = 0,
    numFailedTestSuites = 0,
    testResults = [],
  } = JSON.parse(readFileSync(report, 'utf8'));
  tellSecondTries(testResults);
  const lintFailed = lint.status === 0 ? 0 : 1;
  // A file that fails before its tests are known, or a runner that breaks down, is a failure too.
  const broken = tests.status !== 0 && numFailedTests === 0 ? Math.max(1, numFailedTestSuites) : 0;
  const failed = numFailedTests + lintFailed + broken;
  if (lintFailed) console.error('Style check failed: run npm run format, then npm run lint.');
  const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
  console.log(`\n${numPassedTests} passed, ${failed} failed${skipped}`);
  process.exit(failed === 0 ? 0 : 1);
}

/** What failed and then passed is told with its failure: it may be a race in the product, not in the test. */
function tellSecondTries(files) {
  for (const { name, assertionResults } of files) {
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status !== 'passed' || failureMessages.length === 0) continue;
      const lines = failureMessages.flatMap((text) =>
        text.split('\n').filter((line) => !line.includes('node_modules')),
      );
      console.log([`Passed at a second try: ${relative(root, name)}: ${fullName}`, ...lines].join('\n  '));
    }
  }
}

install();
if (task === 'test') installSystemPackages('test');
if (task === 'start') installSystemPackages('start');
build();
if (task === 'start') start();
else if (task === 'test') test();
else if (task !== 'build') {
  console.error(`Unknown task ${task}: start, test or build.`);
  process.exit(2);
}
