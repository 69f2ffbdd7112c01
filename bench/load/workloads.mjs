/** What the load process does for one row of the table. Each resolves to plain figures; times in seconds unless they say ms. */
import { createHash } from 'node:crypto';
import { Connection } from './connection.mjs';
import { Content, rangesFrom } from './content.mjs';
import { cpuBetween, cpuOf, peakMemory } from './figures.mjs';
import { protocols } from './protocols.mjs';

const now = () => (performance.timeOrigin + performance.now()) / 1000;
const warmUpNumber = 1_000_000;

/** Runs `work` on each of the items, each lane taking the next one. */
async function inLanes(lanes, items, work) {
  const queue = items.entries();
  await Promise.all(
    lanes.map(async (lane) => {
      for (const [index, item] of queue) await work(lane, item, index);
    }),
  );
}

function openConnections(port, count) {
  return Promise.all(Array.from({ length: count }, () => Connection.open(port)));
}

/** The server's code is compiled and its files are open before anything is measured. */
async function warmUp(protocol, connection, { chunkBytes, content, rounds }) {
  for (let round = 0; round < rounds; round += 1) {
    const upload = { number: warmUpNumber + round, size: 2 * chunkBytes, chunkBytes };
    const id = await protocol.create(connection, upload, []);
    for (const range of rangesFrom(upload, 0))
      await protocol.send(connection, id, { upload, range, body: content.bytes(upload, range) });
    await protocol.completed(connection, id);
  }
}

/** `uploads` files of `bytes` each. One file may have several connections; several files have one each. */
export async function bulk(job) {
  const { port, pid, uploads: count, bytes, connections, chunkBytes, chunkDigests } = job;
  const protocol = protocols[job.protocol];
  const content = new Content(chunkBytes);
  const uploads = Array.from({ length: count }, (_, number) => ({ number, size: bytes, chunkBytes }));
  const digests = uploads.map((upload) => content.digests(upload, chunkDigests));
  const lanes = await openConnections(port, connections);
  await warmUp(protocol, lanes[0], { chunkBytes, content, rounds: 2 });
  const ids = [];
  for (const upload of uploads) ids.push(await protocol.create(lanes[0], upload));
  const sendRange = (lane, file, { range, index }) =>
    protocol.send(lane, ids[file], {
      upload: uploads[file],
      range,
      body: content.bytes(uploads[file], range),
      digest: digests[file].chunks[index],
    });
  const started = now();
  const before = cpuOf(pid);
  if (count === 1) {
    await inLanes(lanes, rangesFrom(uploads[0], 0), (lane, range, index) => sendRange(lane, 0, { range, index }));
  } else {
    await inLanes(lanes, uploads, async (lane, upload) => {
      for (const [index, range] of rangesFrom(upload, 0).entries())
        await sendRange(lane, upload.number, { range, index });
    });
  }
  const lastReceipt = now();
  const atLast = cpuOf(pid);
  await Promise.all(ids.map((id, index) => protocol.completed(lanes[index], id)));
  const done = now();
  const after = cpuOf(pid);
  const left = cpuBetween(atLast, after);
  for (const lane of lanes) lane.close();
  return {
    bytesPerSecond: (count * bytes) / (lastReceipt - started),
    cpu: cpuBetween(before, after),
    completionMs: (done - lastReceipt) * 1000,
    hashingLeftMs: (left.hash + left.hashWaited) * 1000,
    peakBytes: peakMemory(pid),
    files: ids.map((id, index) => ({
      path: protocol.storedAs(id, digests[index].whole),
      sha256: digests[index].whole,
    })),
  };
}

/** Many small files: create and one chunk each. Over when every one of them is complete. */
export async function small(job) {
  const { port, pid, uploads: count, bytes, connections } = job;
  const protocol = protocols[job.protocol];
  const content = new Content(bytes);
  const uploads = Array.from({ length: count }, (_, number) => ({ number, size: bytes, chunkBytes: bytes }));
  const digests = uploads.map((upload) => content.digests(upload, false).whole);
  const lanes = await openConnections(port, connections);
  const ids = new Array(count);
  const whole = { start: 0, end: bytes };
  const one = async (lane, upload) => {
    const body = content.bytes(upload, whole);
    const id = await protocol.create(lane, upload, body);
    await protocol.send(lane, id, { upload, range: whole, body });
    return id;
  };
  const warm = Array.from({ length: 100 }, (_, n) => ({ ...uploads[0], number: warmUpNumber + n }));
  await inLanes(lanes, warm, one);
  await protocol.allCompleted(lanes[0]);
  const started = now();
  const before = cpuOf(pid);
  await inLanes(lanes, uploads, async (lane, upload, index) => {
    ids[index] = await one(lane, upload);
  });
  const lastReceipt = now();
  await protocol.allCompleted(lanes[0]);
  const seconds = now() - started;
  for (const lane of lanes) lane.close();
  return {
    perSecond: count / seconds,
    cpu: cpuBetween(before, cpuOf(pid)),
    completionMs: (seconds - (lastReceipt - started)) * 1000,
    peakBytes: peakMemory(pid),
    files: ids.map((id, index) => ({ path: protocol.storedAs(id, digests[index]), sha256: digests[index] })),
  };
}

async function connectSoon(port) {
  for (;;) {
    try {
      return await Connection.open(port);
    } catch (error) {
      if (error.code !== 'ECONNREFUSED') throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

/** Sends until half is acknowledged, has the server killed and started again, sends the rest. `restart` resolves to its time and process id. */
export async function resume(job, restart) {
  const { port, bytes, connections, chunkBytes } = job;
  const protocol = protocols[job.protocol];
  const content = new Content(chunkBytes);
  const upload = { number: 1, size: bytes, chunkBytes };
  const { whole } = content.digests(upload, false);
  const first = await openConnections(port, protocol.parallel ? connections : 1);
  const id = await protocol.create(first[0], upload);
  const begun = [];
  const acknowledged = new Set();
  let killing = null;
  await inLanes(first, rangesFrom(upload, 0), async (lane, range) => {
    if (killing) return;
    begun.push(range);
    const sent = protocol.send(lane, id, { upload, range, body: content.bytes(upload, range) });
    // Half acknowledged: killed in the middle of the next chunks.
    if (acknowledged.size * chunkBytes >= bytes / 2) killing ??= restart();
    await sent.then(
      () => acknowledged.add(range.start),
      (error) => {
        if (!killing) throw error;
      },
    );
  });
  const restarted = await killing;
  const second = await Promise.all(first.map(() => connectSoon(port)));
  const missing = await protocol.missing(second[0], id, upload);
  const lost = missing.filter((range) => acknowledged.has(range.start));
  if (lost.length > 0) throw new Error(`${lost.length} acknowledged chunks were lost`);
  let firstAccepted = null;
  await inLanes(second, missing, async (lane, range) => {
    await protocol.send(lane, id, { upload, range, body: content.bytes(upload, range) });
    firstAccepted ??= now();
  });
  await protocol.completed(second[0], id);
  const again = begun.flatMap((sent) => missing.filter((range) => range.start < sent.end && range.end > sent.start));
  for (const lane of second) lane.close();
  return {
    acceptedMs: (firstAccepted - restarted.at) * 1000,
    finishedMs: (now() - restarted.at) * 1000,
    sentAgainBytes: again.reduce((sum, range) => sum + range.end - range.start, 0),
    sentAgainMax: first.length * chunkBytes,
    peakBytes: peakMemory(restarted.pid),
    files: [{ path: protocol.storedAs(id, whole), sha256: whole }],
  };
}

/** One file as parts on a connection each, then joined: how long the answer takes, and the file. */
export async function concatenation(job) {
  const { port, pid, parts: count, bytes, chunkBytes } = job;
  const protocol = protocols[job.protocol];
  const content = new Content(chunkBytes);
  const parts = Array.from({ length: count }, (_, number) => ({ number, size: bytes / count, chunkBytes }));
  const whole = createHash('sha256');
  for (const part of parts)
    for (const range of rangesFrom(part, 0)) for (const buffer of content.bytes(part, range)) whole.update(buffer);
  const sha256 = whole.digest('hex');
  const lanes = await openConnections(port, count);
  const ids = [];
  for (const [index, part] of parts.entries()) ids.push(await protocol.createPart(lanes[index], part.size));
  await inLanes(lanes, parts, async (lane, part, index) => {
    for (const range of rangesFrom(part, 0))
      await protocol.send(lane, ids[index], { upload: part, range, body: content.bytes(part, range) });
  });
  const began = now();
  const final = await protocol.concatenate(lanes[0], ids);
  const answered = now();
  await protocol.completed(lanes[0], final);
  const done = now();
  for (const lane of lanes) lane.close();
  return {
    answeredMs: (answered - began) * 1000,
    completionMs: (done - began) * 1000,
    peakBytes: peakMemory(pid),
    files: [{ path: protocol.storedAs(final, sha256), sha256 }],
  };
}
