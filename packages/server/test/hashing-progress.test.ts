/** A2, A4: the whole is checked after its last byte came, and that is no silent wait. */
import { expect, test, vi } from 'vitest';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { AppendFolder, type AppendNode, principal } from './append-node.ts';
import { RunningNode, someBytes } from './running-node.ts';

const size = 600 * 1024;

test('while the digest is taken, the node that takes it tells how far it is; others say that they do not know', async () => {
  await using folder = await AppendFolder.make();
  const [one, two] = [await folder.open(), await folder.open()];
  const hashed = async (node: AppendNode) => (await node.service.status({ id, principal })).hashedBytes;
  const { blobs } = one.deps;
  const hash = blobs.hash.bind(blobs);
  const goOn = Promise.withResolvers<void>();
  vi.spyOn(blobs, 'hash').mockImplementation(async (id, bytes, wish) => {
    wish.onBytes?.(200 * 1024);
    wish.onBytes?.(400 * 1024);
    await goOn.promise;
    return await hash(id, bytes, wish);
  });
  const { id } = await one.create({ intake: 'grid', size, chunkSize: size });
  expect(await hashed(one), 'nothing is checked yet').toBeNull();
  const body = bodyOf(patternBytes(size, 5), { batchBytes: 64 * 1024 });
  await one.service.receiveChunk({ uploadId: id, principal, index: 0, declaredLength: size, digest: null, body });
  await expect.poll(() => hashed(one)).toBe(400 * 1024);
  expect(await hashed(two)).toBeNull();
  goOn.resolve();
  expect((await one.ended(id)).phase.name).toBe('completed');
  expect(await hashed(one)).toBeNull();
});

test('the native API says so, and has null where nothing is checked', async () => {
  await using node = await RunningNode.start();
  const { id } = await node.upload(someBytes(1000));
  expect(await node.status(id)).toMatchObject({ state: 'completed', hashedBytes: null });
});
