/** Answers of the API as lines for a terminal. Pure. */
import type { Artifact, Asset, ByteRange, Run, Upload, UploadSummary } from '@holdfast/protocol';
import { formatBytes } from '../core/byte-words.ts';
import { formatDuration, formatPercent, formatSpeed, formatTable, safeText } from './format-text.ts';

/** Missing ranges that are shown one by one. */
const rangesShown = 8;

export function uploadListLines(uploads: readonly UploadSummary[], now: number): string[] {
  if (uploads.length === 0) return ['No uploads under way.'];
  const rows = uploads.map((upload) => [
    upload.id,
    upload.state,
    formatPercent(upload.progress),
    sizeWords(upload.size),
    `${formatDuration((now - Date.parse(upload.updatedAt)) / 1_000)} ago`,
    safeText(upload.filename),
  ]);
  return formatTable([['ID', 'STATE', 'DONE', 'SIZE', 'LAST', 'FILE'], ...rows]);
}

function sizeWords(size: number | null): string {
  return size === null ? 'not told yet' : formatBytes(size);
}

export function uploadLines(upload: Upload, now: number): string[] {
  const { receivedBytes, size, receivedChunks, totalChunks, chunkSize, bytesPerSecond, etaSeconds } = upload;
  const speed = [formatSpeed(bytesPerSecond), etaSeconds === null ? '' : `${formatDuration(etaSeconds)} left`];
  const expires = (Date.parse(upload.expiresAt) - now) / 1_000;
  const facts: [string, string][] = [
    ['upload', upload.id],
    ['file', `${safeText(upload.filename)}  (${safeText(upload.contentType)})`],
    [
      'state',
      upload.failure === null ? upload.state : `${upload.state}: ${upload.failure.code}, ${upload.failure.reason}`,
    ],
    ['received', `${formatBytes(receivedBytes)} of ${sizeWords(size)}  (${formatPercent(upload.progress)})`],
    ['chunks', `${receivedChunks} of ${totalChunks}, ${formatBytes(chunkSize)} each`],
    ['speed', speed.filter((part) => part !== '').join(', ')],
    ['missing', missingWords(upload.missing, upload.missingTruncated)],
    ['sha-256', upload.sha256 ?? ''],
    ['asset', upload.assetId ?? ''],
    ['expires', upload.completedAt === null && expires > 0 ? `in ${formatDuration(expires)}` : ''],
    ...Object.entries(upload.metadata).map(([key, value]): [string, string] => [`  ${safeText(key)}`, safeText(value)]),
  ];
  return formatTable(facts.filter(([, value]) => value !== ''));
}

/** Byte ranges as HTTP writes them: both ends included. */
function missingWords(missing: readonly ByteRange[], truncated: boolean): string {
  const shown = missing.slice(0, rangesShown).map(({ start, end }) => `${start}-${end - 1}`);
  const hidden = missing.length - shown.length;
  if (hidden > 0 || truncated) shown.push(`and ${hidden}${truncated ? ' or more' : ''} other ranges`);
  return shown.join(', ');
}

export interface AssetFacts {
  readonly asset: Asset;
  readonly runs: readonly Run[];
  readonly artifacts: readonly Artifact[];
}

export function assetLines({ asset, runs, artifacts }: AssetFacts): string[] {
  const sources = asset.sources.map(({ filename, addedAt, uploadId }) => [
    '  from',
    `${safeText(filename)}  ${addedAt}  ${uploadId}`,
  ]);
  const lines = formatTable([
    ['asset', asset.id],
    ['file', `${safeText(asset.filename)}  (${safeText(asset.contentType)}, ${formatBytes(asset.size)})`],
    ...sources,
  ]);
  for (const run of runs) lines.push('', ...runLines(run));
  if (artifacts.length === 0) return lines;
  const rows = artifacts.map(({ step, name, contentType, size, url }) => [
    `  ${step}/${name}`,
    contentType,
    formatBytes(size),
    url,
  ]);
  return [...lines, '', 'artifacts', ...formatTable(rows)];
}

function runLines(run: Run): string[] {
  const rows = run.steps.map((step) => [
    `  ${step.name}`,
    step.state === 'running' ? `running ${formatPercent(step.progress)}` : step.state,
    step.attempt > 1 ? `attempt ${step.attempt} of ${step.attemptsMax}` : '',
    safeText(step.reason ?? ''),
  ]);
  return [`run ${run.id}  ${run.pipeline} ${run.pipelineVersion}  ${run.state}`, ...formatTable(rows)];
}
