/** What we want of each row, as ratios within the run. */
import { figure } from './statistics.mjs';

const committed = 'holdfast committed';
const synced = 'holdfast synced';
const digests = 'holdfast committed + SHA-256';
const limit = 'sink (writev)';
const peer = 'tus';
const GiB = 1024 ** 3;

function line(what, measured, { least, most, digits = 2, unit = '' }) {
  const holds = least === undefined ? measured <= most : measured >= least;
  const wanted = least === undefined ? `≤ ${most.toFixed(digits)}${unit}` : `≥ ${least.toFixed(digits)}${unit}`;
  return [what, wanted, `${measured.toFixed(digits)}${unit}`, holds ? 'yes' : '**no**'];
}

function bulkTargets({ name, job }, figures, facts) {
  const ratio = (subject, other, read) => figures.ratio(name, [subject, other], read);
  const out = [
    line(`${name} committed, MB/s × sink`, ratio(committed, limit, figure.speed), { least: 0.85 }),
    line(`${name} synced, MB/s × sink`, ratio(synced, limit, figure.speed), { least: 0.7 }),
    line(`${name} committed, MB/s × tus`, ratio(committed, peer, figure.speed), { least: 1.6 }),
    line(`${name} synced, MB/s × tus`, ratio(synced, peer, figure.speed), { least: 1.6 }),
    line(`${name} committed, CPU × sink`, ratio(committed, limit, figure.cpuApart), { most: 1.2 }),
    line(`${name} synced, CPU × sink`, ratio(synced, limit, figure.cpuApart), { most: 1.2 }),
  ];
  if (facts.opensslSecondsPerGiB !== null) {
    const hashing = (facts.opensslSecondsPerGiB * job.uploads * job.bytes) / GiB;
    const extra = (read) => figures.difference(name, [digests, committed], read) / hashing;
    out.push(
      line(`${name} SHA-256 per chunk, extra CPU × openssl`, extra(figure.cpuApart), { most: 1.15 }),
      line(
        `${name} of it outside of the kernel`,
        extra((r) => figure.cpuApart(r) - figure.cpuKernel(r)),
        { most: 1.15 },
      ),
    );
  }
  return out;
}

function completionTargets({ name }, figures) {
  return [committed, synced].map((subject) =>
    line(
      `${name} ${subject}, beyond the hashing left`,
      figures.median(name, subject, (r) => r.completionMs - r.hashingLeftMs),
      { most: 50, digits: 0, unit: ' ms' },
    ),
  );
}

function smallTargets({ name }, figures) {
  return [committed, synced].map((subject) =>
    line(`${name} ${subject}, uploads/s × tus`, figures.ratio(name, [subject, peer], figure.perSecond), { least: 2 }),
  );
}

function resumeTargets({ name }, figures) {
  return [committed, synced].flatMap((subject) => [
    line(
      `${name} ${subject}, first chunk`,
      figures.median(name, subject, (r) => r.acceptedMs),
      {
        most: 1000,
        digits: 0,
        unit: ' ms',
      },
    ),
    line(
      `${name} ${subject}, sent again per connection`,
      figures.max(name, subject, (r) => r.sentAgainBytes / r.sentAgainMax),
      { most: 1, unit: ' chunks' },
    ),
  ]);
}

function tusTargets({ name }, figures) {
  return ['holdfast committed, tus', 'holdfast synced, tus'].flatMap((subject) => [
    line(`${name} ${subject}, MB/s × tus`, figures.ratio(name, [subject, peer], figure.speed), { least: 1.5 }),
    line(`${name} tus, CPU × ${subject}`, figures.ratio(name, [peer, subject], figure.cpuApart), { least: 1.5 }),
  ]);
}

function concatenationTargets({ name, subjects }, figures) {
  return subjects.map((subject) =>
    line(
      `${name} ${subject}, answered`,
      figures.median(name, subject, (r) => r.answeredMs),
      { most: 100, digits: 0, unit: ' ms' },
    ),
  );
}

function targetsOf(row, figures, facts) {
  if (row.job.kind === 'concatenation') return concatenationTargets(row, figures);
  if (row.name.startsWith('T')) return tusTargets(row, figures);
  if (row.title.startsWith('completion')) return completionTargets(row, figures);
  if (row.job.kind === 'bulk') return bulkTargets(row, figures, facts);
  return row.job.kind === 'small' ? smallTargets(row, figures) : resumeTargets(row, figures);
}

/** One line for each target that the run has figures for: what, wanted, measured, whether it holds. */
export function judgements(facts, rows, figures) {
  const lines = rows.flatMap((row) => targetsOf(row, figures, facts));
  const peaks = rows
    .flatMap((row) => row.subjects.map((subject) => ({ row, subject })))
    .filter(({ row, subject }) => subject.startsWith('holdfast') && figures.has(row.name, subject))
    // Several processes have it several times, and the client of S3 wants some for itself.
    .filter(({ subject }) => !/processes|S3|Swift/.test(subject))
    .map(({ row, subject }) => figures.max(row.name, subject, figure.peak));
  if (peaks.length > 0)
    lines.push(
      line('peak memory of Holdfast, one process, on disk', Math.max(...peaks), { most: 140, digits: 0, unit: ' MB' }),
    );
  return lines.filter(([, , measured]) => !measured.includes('NaN'));
}
