/** The table: medians over the rounds, and medians of the ratios within each round. MB = 10⁶ bytes. */
import { Figures, figure } from './statistics.mjs';
import { judgements } from './targets.mjs';

const GiB = 1024 ** 3;

const limit = 'sink (writev)';
const peer = 'tus';

function number(value, digits) {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}

function columnsOf({ name, job, subjects }, figures) {
  const of =
    (read, digits = 0) =>
    (subject) =>
      number(figures.median(name, subject, read), digits);
  const ratio = (other, read) => (subject) =>
    subject === other || !subjects.includes(other) ? '–' : number(figures.ratio(name, [subject, other], read), 2);
  const perGiB = (read) => (r) => (read(r) * GiB) / (job.uploads * job.bytes);
  const peak = ['peak MB', (subject) => number(figures.max(name, subject, figure.peak), 0)];
  switch (job.kind) {
    case 'bulk':
      return [
        ['MB/s', of(figure.speed)],
        ['× sink', ratio(limit, figure.speed)],
        ['× tus', ratio(peer, figure.speed)],
        ['CPU s/GiB', of(perGiB(figure.cpuApart), 2)],
        ['× sink', ratio(limit, figure.cpuApart)],
        ['× tus', ratio(peer, figure.cpuApart)],
        ['kernel s/GiB', of(perGiB(figure.cpuKernel), 2)],
        ['hash threads s/GiB', of(perGiB(figure.cpuHash), 2)],
        ['completion ms', of(figure.completion)],
        ['of it hashing ms', of(figure.hashingLeft)],
        peak,
      ];
    case 'small':
      return [
        ['uploads/s', of(figure.perSecond)],
        ['× tus', ratio(peer, figure.perSecond)],
        ['CPU ms each', of((r) => (r.cpu.all * 1000) / job.uploads, 2)],
        ['until all complete ms', of(figure.completion)],
        peak,
      ];
    case 'concatenation':
      return [['answered ms', of((r) => r.answeredMs, 1)], ['completed ms', of(figure.completion)], peak];
    default:
      return [
        ['first chunk accepted ms', of((r) => r.acceptedMs)],
        ['finished ms', of((r) => r.finishedMs)],
        ['sent again MiB, at most', of((r) => r.sentAgainBytes / 1024 ** 2, 1)],
        peak,
      ];
  }
}

function tableOf(row, figures) {
  const columns = columnsOf(row, figures);
  const lines = [`| ${row.name}: ${row.title} | ${columns.map(([head]) => head).join(' | ')} |`];
  lines.push(`| --- |${columns.map(() => ' ---: |').join('')}`);
  for (const subject of row.subjects.filter((s) => figures.has(row.name, s)))
    lines.push(`| ${subject} | ${columns.map(([, cell]) => cell(subject)).join(' | ')} |`);
  return lines.join('\n');
}

function machineLine(facts, rounds) {
  const sha = facts.shaExtensions ? 'with SHA extensions' : 'without SHA extensions';
  const openssl =
    facts.opensslSecondsPerGiB === null ? 'not known' : `${facts.opensslSecondsPerGiB.toFixed(2)} CPU s/GiB`;
  return `${facts.date}; ${facts.cores} cores ${sha}, ${facts.memoryGiB} GiB, Node ${facts.node}; SHA-256 by openssl speed: ${openssl}; medians of ${rounds} rounds`;
}

export function report(facts, rows, results) {
  const figures = new Figures(results);
  const rounds = new Set(results.map((r) => r.round)).size;
  const parts = [machineLine(facts, rounds), ...rows.map((row) => tableOf(row, figures))];
  const judged = judgements(facts, rows, figures);
  if (judged.length > 0)
    parts.push(
      [
        '| target | wanted | measured | holds |',
        '| --- | ---: | ---: | --- |',
        ...judged.map((line) => `| ${line.join(' | ')} |`),
      ].join('\n'),
    );
  return `\n${parts.join('\n\n')}\n`;
}
