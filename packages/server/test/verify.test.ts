/** E1: `verify` on what a crash left while an upload was being finished, and on bytes that nobody knows. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withFaults } from '../src/blobs/with-faults.ts';
import { HoldfastError } from '../src/core/errors.ts';
import { patternBytes } from '../src/testing/body.ts';
import { type Finding, type VerifyCounts, verify } from '../src/uploads/verify.ts';
import { AppendFolder, type AppendNode } from './append-node.ts';
import { runCommand } from './command-line.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

// Few enough that one piece is hashed as it comes: such an upload is placed without a checkpoint.
const bytes = patternBytes(30_000, 33);
let folder: AppendFolder;
let node: AppendNode;
beforeEach(async () => {
  folder = await AppendFolder.make();
  node = await folder.open();
});
afterEach(() => folder[Symbol.asyncDispose]());

async function findings(
  { deps, ledger, artifacts }: AppendNode,
  progress: (counts: VerifyCounts) => void = () => {},
): Promise<Finding[]> {
  const found: Finding[] = [];
  for await (const one of verify({ deep: true, repair: true, deps, ledger, artifacts, progress })) found.push(one);
  return found;
}

test.each([
  ['validating', [bytes]],
  ['assembling', [bytes.subarray(0, 10_000), bytes.subarray(10_000)]],
] as const)('an asset that was placed by an upload still %s is no orphan', async (phase, pieces) => {
  const dying = await folder.open({
    crash: (point) => {
      if (point === 'completion:after-place') throw new Error('the process died here (test)');
    },
  });
  const { id } = await dying.create({ size: bytes.length });
  let offset = 0;
  for (const piece of pieces) {
    await dying.append(id, offset, piece).catch(() => {});
    offset += piece.length;
  }
  await dying.service.finisher.idle();
  expect((await node.find(id)).phase.name).toBe(phase);
  expect(await node.deps.blobs.assetSize(sha256(bytes))).toBe(bytes.length);
  expect(await findings(node)).toEqual([]);
  await node.service.finisher.takeOver(await node.find(id), dying.deps.holder);
  await node.service.finisher.idle();
  expect((await node.find(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  expect(await findings(node)).toEqual([]);
});

test('bytes of no record are orphans: those of an upload are removed, those of an asset are left to a person', async () => {
  const { deps } = node;
  await deps.blobs.prepare('nobody-1', 10);
  await deps.blobs.prepare('nobody-2', 0);
  const nothing = sha256(new Uint8Array(0));
  await deps.blobs.place('nobody-2', 0, nothing);
  const asset = { kind: 'orphaned-asset', subject: nothing, repaired: false };
  expect(await findings(node)).toMatchObject([{ kind: 'orphaned-bytes', subject: 'nobody-1', repaired: true }, asset]);
  expect(await findings(node)).toMatchObject([asset]);
});

test('the bytes that were read are counted once, however many steps they were read in', async () => {
  const { deps } = node;
  const sizes = [17_000_000, 10_000_000, 100];
  for (const [index, size] of sizes.entries()) {
    const content = patternBytes(size, index + 1);
    const { id } = await node.create({ size });
    await node.append(id, 0, content);
    await node.ended(id);
    expect(await deps.blobs.assetSize(sha256(content))).toBe(size);
  }
  const seen: number[] = [];
  expect(await findings(node, ({ bytes: read }) => seen.push(read))).toEqual([]);
  expect(seen.at(-1)).toBe(27_000_100);
  expect(new Set(seen).size, 'told on the way').toBeGreaterThan(sizes.length);
});

test('a disk that fails at one asset or upload keeps nobody from a look at the others', async () => {
  for (const size of [1_000, 2_000, 3_000]) {
    const { id } = await node.create({ size });
    await node.append(id, 0, patternBytes(size, size));
    await node.ended(id);
  }
  const unfinished = await node.create({ size: 10 });
  await node.append(unfinished.id, 0, patternBytes(5, 5));
  const { deps, ledger, artifacts } = node;
  let assets = 0;
  const failing = (method: string) => {
    if (method === 'rehashAsset') assets += 1;
    const fails = method === 'checksum' || (method === 'rehashAsset' && assets === 2);
    return fails ? new HoldfastError('unavailable', 'The disk failed (EIO) while hashing a stored file') : null;
  };
  const broken = { ...deps, blobs: withFaults(deps.blobs, { failing }) };
  const options = { deep: true, repair: true, deps: broken, ledger, artifacts, progress: () => {} };
  const found: Finding[] = [];
  for await (const one of verify(options)) found.push(one);
  const detail = expect.stringContaining('cannot be read: The disk failed (EIO)');
  expect(found).toMatchObject([
    { kind: 'damaged-asset', detail, repaired: false },
    { kind: 'damaged-bytes', subject: unfinished.id, detail, repaired: false },
  ]);
  expect(assets).toBe(3);
});

test('Ctrl-C ends it although nothing is wrong, and it does not say that all is as recorded', async () => {
  await using running = await RunningNode.start();
  for (let i = 0; i < 3; i += 1) await running.upload(someBytes(100 + i));
  await running.stop();
  const ran = await runCommand(['verify', '--data', running.dataDir], { signal: AbortSignal.abort() });
  expect(ran).toMatchObject({ exitCode: 130, stdout: '', stderr: expect.stringContaining('Interrupted') });
  expect(await runCommand(['verify', '--data', running.dataDir])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('Checked 3 assets'),
  });
});
