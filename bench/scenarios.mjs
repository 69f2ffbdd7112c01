/** The rows: what is sent to which servers. `quick` is an eighth of it: good for a first look, not for ratios. */
const MiB = 1024 * 1024;
const chunkBytes = 8 * MiB;
const receiving = ['holdfast committed', 'holdfast synced', 'holdfast committed + SHA-256', 'sink (writev)'];
const tus = ['holdfast committed, tus', 'holdfast synced, tus', 'tus'];
const processes = [
  ...['holdfast committed', 'holdfast committed, 2 processes'],
  ...['holdfast synced', 'holdfast synced, 2 processes'],
];
const stores = [
  ...['holdfast committed', 'holdfast committed, S3 stub', 'holdfast synced', 'holdfast synced, S3 stub'],
  'holdfast synced, Swift (slow by itself)',
];
const all = [...receiving, 'sink (createWriteStream)', 'tus'];

export function scenarios({ quick }) {
  const part = quick ? 8 : 1;
  const size = (mebibytes) => (mebibytes >= 1024 * part ? `${mebibytes / part / 1024} GiB` : `${mebibytes / part} MiB`);
  const bulk = (uploads, bytes, connections) => ({
    kind: 'bulk',
    uploads,
    bytes: bytes / part,
    connections,
    chunkBytes,
  });
  const patches = (uploads, mebibytes) => ({ ...bulk(uploads, mebibytes * MiB, uploads), chunkBytes: 5 * MiB });
  return {
    W1: { title: `${size(1024)}, 1 connection`, subjects: all, job: bulk(1, 1024 * MiB, 1) },
    // A tus file grows at its end only, so it cannot use more connections.
    W2: {
      title: `${size(1024)}, 4 connections`,
      subjects: all.filter((name) => name !== 'tus'),
      job: bulk(1, 1024 * MiB, 4),
    },
    W3: { title: `16 clients × ${size(128)}`, subjects: all, job: bulk(16, 128 * MiB, 16) },
    W4: {
      title: `${2_000 / part} × 64 KiB, 16 connections`,
      subjects: [
        ...['holdfast committed', 'holdfast committed, one request', 'holdfast committed, tus, one request'],
        ...['holdfast synced', 'holdfast synced, one request', 'tus', 'tus, one request'],
      ],
      job: { kind: 'small', uploads: 2_000 / part, bytes: 64 * 1024, connections: 16 },
    },
    W5: {
      title: `completion of ${size(1024)}`,
      subjects: ['holdfast committed', 'holdfast synced'],
      job: bulk(1, 1024 * MiB, 2),
    },
    W6: {
      title: `completion of ${size(4096)}`,
      subjects: ['holdfast committed', 'holdfast synced'],
      job: bulk(1, 4096 * MiB, 2),
    },
    W7: {
      title: `${size(512)}, kill -9 at half, 4 connections`,
      subjects: ['holdfast committed', 'holdfast synced', 'tus'],
      job: { kind: 'resume', bytes: (512 * MiB) / part, connections: 4, chunkBytes },
    },
    P1: {
      title: `one and two processes: 16 clients × ${size(128)}`,
      subjects: processes,
      job: bulk(16, 128 * MiB, 16),
    },
    P2: {
      title: `one and two processes: ${2_000 / part} × 64 KiB, 16 connections`,
      subjects: processes,
      job: { kind: 'small', uploads: 2_000 / part, bytes: 64 * 1024, connections: 16 },
    },
    // The stub keeps everything in memory, twice while an asset is made.
    S1: { title: `disk and S3: ${size(256)}, 4 connections`, subjects: stores, job: bulk(1, 256 * MiB, 4) },
    S2: { title: `disk and S3: 8 clients × ${size(32)}`, subjects: stores, job: bulk(8, 32 * MiB, 8) },
    S3: {
      title: `disk and S3: ${400 / part} × 64 KiB, 16 connections`,
      subjects: stores,
      job: { kind: 'small', uploads: 400 / part, bytes: 64 * 1024, connections: 16 },
    },
    T1: { title: `tus, PATCH of 5 MiB, ${size(1024)}`, subjects: tus, job: patches(1, 1024) },
    T2: { title: `tus, PATCH of 5 MiB, 16 clients × ${size(128)}`, subjects: tus, job: patches(16, 128) },
    // The peer's file store has no concatenation.
    T3: {
      title: `tus, concatenation of 8 parts, ${size(4096)}`,
      subjects: ['holdfast committed, tus', 'holdfast synced, tus'],
      job: { kind: 'concatenation', parts: 8, bytes: (4096 * MiB) / part, chunkBytes: 5 * MiB },
    },
  };
}
