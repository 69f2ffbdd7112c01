/**
 * Measures the scene detector on films with known transitions: `node bench/scenes.mjs [first seed] [number of films of each sort]`.
 * Prints precision, recall and F1, and what the common recipes of ffmpeg reach on the same films.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { probeFile } from '../packages/server/src/pipeline/media/probe.ts';
import { scanFile } from '../packages/server/src/pipeline/media/scan.ts';
import { scanParams } from '../packages/server/src/pipeline/steps/scan-video.ts';
import { systemClock } from '../packages/server/src/platform/system-clock.ts';
import { makeSceneFilm, measures, scoreTransitions, sumOf } from '../packages/server/test/scene-films.ts';
import { readyTools } from '../packages/server/test/step-bench.ts';

const [first = 901, count = 4] = process.argv.slice(2).map(Number);
const verbose = process.env.VERBOSE !== undefined;
const rules = { ...scanParams, ...JSON.parse(process.env.RULES ?? '{}') };
const folder = await mkdtemp(join(tmpdir(), 'holdfast-scenes-'));
const tools = await readyTools();
const signal = new AbortController().signal;

async function ours(file) {
  const media = await probeFile({ tools, file, signal, clock: systemClock });
  const request = { tools, file, media, rules, signal, clock: systemClock, timeoutMs: 600_000 };
  const scan = await scanFile({ ...request, progress: () => {}, onPicture: () => {} });
  return scan.shots.flatMap(({ transition }) => (transition ? [transition] : []));
}

/** Times at which a filter of ffmpeg sees a new scene. */
async function recipe(file, filter, pattern) {
  const args = [
    '-nostdin',
    '-v',
    'error',
    '-i',
    file,
    '-vf',
    `${filter},metadata=print:file=-`,
    '-an',
    '-f',
    'null',
    '-',
  ];
  const { stdout } = await promisify(execFile)('ffmpeg', args, { maxBuffer: 64 * 1024 * 1024 });
  return [...stdout.matchAll(pattern)].map((match) => ({
    kind: 'cut',
    start: Number(match[1]),
    end: Number(match[1]),
  }));
}

const recipes = {
  'select gt(scene,0.4)': (file) => recipe(file, "select='gt(scene,0.4)'", /pts_time:(\S+)/g),
  'scdet t=10': (file) => recipe(file, 'scdet=t=10', /lavfi\.scd\.time=(\S+)/g),
};

const rows = [];
try {
  for (const kind of ['synthetic', 'film-like']) {
    const scores = [];
    const others = Object.fromEntries(Object.keys(recipes).map((name) => [name, []]));
    let seconds = 0;
    for (let seed = first; seed < first + count; seed += 1) {
      const film = await makeSceneFilm({ folder, kind, seed, shots: 24 });
      seconds += film.seconds;
      const score = scoreTransitions(film.transitions, await ours(film.file));
      scores.push(score);
      if (verbose) {
        for (const one of score.missed) {
          const at = film.transitions.indexOf(one);
          console.log(
            kind,
            seed,
            'missed',
            JSON.stringify(one),
            film.sources[at]?.slice(-90),
            '→',
            film.sources[at + 1]?.slice(-90),
          );
        }
        for (const one of score.invented) {
          const at = film.transitions.filter(({ start }) => start / 25 <= one.start).length;
          console.log(kind, seed, 'invented', JSON.stringify(one), 'in', film.sources[at]?.slice(-160));
        }
      }
      const hard = film.transitions.filter((one) => one.kind === 'cut');
      for (const [name, find] of Object.entries(recipes))
        others[name].push(scoreTransitions(hard, await find(film.file)).cuts);
      await rm(film.file);
    }
    const title = `${kind}, ${count} films, ${Math.round(seconds)} s`;
    const gradual = sumOf(scores.map((s) => s.gradual));
    rows.push([title, 'hard cuts', sumOf(scores.map((s) => s.cuts))]);
    rows.push([title, 'fades and dissolves', gradual]);
    rows.push([title, 'all', sumOf(scores.map((s) => s.all))]);
    for (const [name, tallies] of Object.entries(others)) rows.push([title, `hard cuts by ${name}`, sumOf(tallies)]);
    console.log(
      `${title}: of ${gradual.hits} gradual transitions ${scores.reduce((n, s) => n + s.rightKind, 0)} had the right kind`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log('\n| films | what | known | precision | recall | F1 |\n|---|---|---|---|---|---|');
for (const [title, what, tally] of rows) {
  const { precision, recall, f1 } = measures(tally);
  console.log(
    `| ${title} | ${what} | ${tally.known} | ${precision.toFixed(3)} | ${recall.toFixed(3)} | ${f1.toFixed(3)} |`,
  );
}
