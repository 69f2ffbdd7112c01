/** Measures Holdfast beside the limit and a peer, all in one run. What the rows mean: docs/performance.md. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine } from './machine.mjs';
import { measure } from './measure.mjs';
import { PageCache } from './page-cache.mjs';
import { report } from './report.mjs';
import { scenarios } from './scenarios.mjs';
import { defaultServer, nodeBinary, subjects } from './subjects.mjs';

const here = dirname(fileURLToPath(import.meta.url));

const usage = `Measures Holdfast beside the limit (a bare server that writes a file) and a peer (tus), all in one run.
Usage: npm run bench -- [options]

  --quick                short rounds, to see that it works
  --rounds N             default 3; figures are medians
  --only W1,W3           these rows; what they mean: docs/performance.md
  --subjects sink,tus    servers whose names begin so
  --dir FOLDER           where they write; default tmp/ of the project
  --server holdfast.js   another build of Holdfast
  --node-options '…'     flags of Node.js for its server
  --profile FOLDER       CPU profiles of the servers
  --json                 all figures instead of a table
  --from RESULTS.json    the table of figures that are kept`;

function options() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
      subjects: { type: 'string' },
      dir: { type: 'string', default: join(here, '..', 'tmp') },
      server: { type: 'string', default: defaultServer },
      profile: { type: 'string' },
      'node-options': { type: 'string' },
      from: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit();
  }
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1');
  return { ...values, rounds };
}

/** Whether the server is as it is installed: from single modules it takes 20 MB more, and longer to start. */
function isBundled(dist) {
  const made = statSync(join(dist, 'bin', 'main.js'), { throwIfNoEntry: false })?.mtimeMs;
  if (made === undefined) return false;
  const marks = join(dist, '.tsbuildinfo');
  return !existsSync(marks) || readdirSync(marks).every((name) => statSync(join(marks, name)).mtimeMs <= made);
}

function prepare({ server }) {
  if (!existsSync(nodeBinary)) throw new Error('Run `npm run compile` first.');
  if (!isBundled(join(dirname(server), '..', 'dist'))) throw new Error('Run `npm run compile` first.');
  if (existsSync(join(here, 'node_modules', '@tus', 'server'))) return;
  const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--prefix', here], { stdio: ['ignore', 2, 2] });
  if (done.status !== 0) throw new Error('The peer could not be installed.');
}

function selected(wish) {
  const rows = scenarios(wish);
  const names = wish.only?.split(',') ?? Object.keys(rows);
  const wanted = wish.subjects?.split(',') ?? [''];
  return names.map((name) => {
    if (!rows[name]) throw new Error(`There is no ${name}; there are ${Object.keys(rows).join(', ')}.`);
    const some = rows[name].subjects.filter((subject) => wanted.some((word) => subject.startsWith(word)));
    return { name, ...rows[name], subjects: some };
  });
}

async function rounds(wish, rows) {
  mkdirSync(wish.dir, { recursive: true });
  const base = mkdtempSync(join(wish.dir, 'holdfast-bench-'));
  const results = [];
  const pageCache = new PageCache(base);
  try {
    for (let round = 0; round < wish.rounds; round += 1) {
      for (const scenario of rows) {
        // Each round starts with another server, so that none always follows the same one.
        const order = scenario.subjects.map((_, i, list) => list[(i + round) % list.length]);
        for (const name of order) {
          process.stderr.write(`round ${round + 1}/${wish.rounds}  ${scenario.name}  ${name}\n`);
          const folder = join(base, `${results.length}`);
          pageCache.fillFor(scenario.job);
          const figures = await measure({ subject: subjects[name], scenario, folder, options: wish });
          results.push({ scenario: scenario.name, subject: name, round, ...figures });
        }
      }
    }
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
  return results;
}

async function run(wish) {
  prepare(wish);
  const rows = selected(wish);
  const results = await rounds(wish, rows);
  return { machine: machine(), rows, results };
}

try {
  const wish = options();
  const done = wish.from === undefined ? await run(wish) : JSON.parse(readFileSync(wish.from, 'utf8'));
  process.stdout.write(
    wish.json ? `${JSON.stringify(done, null, 2)}\n` : report(done.machine, done.rows, done.results),
  );
} catch (error) {
  console.error(process.env.DEBUG === undefined ? `${error.message}\n\n--help tells how it is used.` : error);
  process.exitCode = 1;
}
