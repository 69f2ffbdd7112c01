/** The command line against what is no Holdfast server: it says what it found there. */
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as overTcp, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as overTls } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { checkServer } from '../src/cli/server-diagnoses.ts';
import { runCommand } from './command-line.ts';
import { RunningNode } from './running-node.ts';

const { signal } = new AbortController();
const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function at(server: Server): Promise<string> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answering = (listener: RequestListener) =>
  at(
    createServer({ keepAlive: false }, (request, response) => {
      request.resume();
      listener(request, response);
    }),
  );

async function foundAt(url: string): Promise<string> {
  const [first] = await checkServer(url, signal);
  expect(first).toMatchObject({ subject: 'server', verdict: 'bad', advice: expect.any(String) });
  return first?.found ?? '';
}

test('doctor says what answers at an address that is not Holdfast’s', async () => {
  const page = await answering((_, response) => response.end('<html>\n<title>Sign in \u001b[31m</title>'));
  expect(await foundAt(page)).toBe(`${page} answers 200, but not as Holdfast: <html> <title>Sign in ?[31m</title>`);
  const missing = await answering((_, response) => response.writeHead(404).end());
  expect(await foundAt(missing)).toBe(`${missing} answers 404, but not as Holdfast: (nothing)`);
  const json = await answering((_, response) => response.end('{"status":"ok"}'));
  expect(await foundAt(json)).toBe(`${json} answers 200, but not as Holdfast: {"status":"ok"}`);
  const redirect = await answering((_, response) => response.writeHead(302, { location: `${page}/login` }).end());
  expect(await foundAt(redirect)).toBe(
    `${redirect} leads to ${page}/login, which answers 200, but not as Holdfast: <html> <title>Sign in ?[31m</title>`,
  );
});

test('doctor tells TLS from none, and either from nobody', async () => {
  const plain = await answering((_, response) => response.end());
  expect(await foundAt(plain.replace('http', 'https'))).toMatch(/does not speak TLS; is it http:\/\/\?/);
  expect(await foundAt(await at(overTls()))).toMatch(/does not speak HTTP; is it https:\/\/\?/);
  expect(await foundAt(await at(overTcp((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))))).toMatch(
    /does not speak HTTP/,
  );
  const gone = await at(overTcp());
  await new Promise((resolve) => open.pop()?.close(resolve));
  expect(await foundAt(gone)).toBe(`${gone} does not answer: nothing listens there (ECONNREFUSED)`);
});

test('doctor warns where a redirect leads to the server: uploads do not follow it', async () => {
  await using node = await RunningNode.start();
  const redirect = await answering(({ url }, response) =>
    response.writeHead(301, { location: `${node.url}${url}` }).end(),
  );
  const diagnoses = await checkServer(redirect, signal);
  expect(diagnoses[0]).toMatchObject({ subject: 'server', verdict: 'good' });
  expect(diagnoses.find(({ subject }) => subject === 'server address')).toMatchObject({
    verdict: 'warning',
    found: `${redirect} leads to ${node.url}`,
  });
  expect((await checkServer(node.url, signal)).map(({ verdict }) => verdict)).not.toContain('warning');
});

test.each([
  ['<html>\n<title>Sign in</title>', '<html> <title>Sign in</title>'],
  ['{"welcome":true}', '{"welcome":true}'],
  ['{"id":"u1","size":4', '{"id":"u1","size":4'],
])('an upload says what answers that is not Holdfast, and not that nothing does: %s', async (text, shown) => {
  const foreign = await answering((_, response) => response.end(text));
  const ran = await uploading(foreign, '--give-up-after', '1');
  expect(ran.exitCode).toBe(3);
  expect(ran.stderr).toContain(`  ${foreign} answers 200, but not as Holdfast: ${shown}\n`);
  expect(ran.stderr.match(/but not as Holdfast/g)).toHaveLength(1);
  expect(ran.stderr).toContain('what answers is not Holdfast: check the address');
});

test('an upload at an address that redirects names the one to use', async () => {
  const redirect = await answering(({ url }, response) =>
    response.writeHead(308, { location: `https://files.example.org${url}` }).end(),
  );
  const ran = await uploading(`${redirect}/base`);
  expect(ran).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('leads to https://files.example.org/base.'),
  });
});

test('an upload that is refused ends at once, and does not read the rest of a large file for its digest', async () => {
  const missing = await answering((_, response) => response.writeHead(404).end());
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-odd-'));
  const path = join(dir, 'film.mp4');
  await writeFile(path, '');
  await truncate(path, 2 ** 40);
  // A thread that reads keeps the process.
  const threads = () => process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort').length;
  const before = threads();
  const ran = await runCommand(['upload', path, '--server', missing], { env: { XDG_STATE_HOME: dir } });
  expect(ran).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('nothing at this address') });
  await expect.poll(threads, { timeout: 5_000 }).toBeLessThanOrEqual(before);
  await rm(dir, { recursive: true });
});

async function uploading(server: string, ...options: string[]) {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-odd-'));
  const path = join(dir, 'film.mp4');
  await writeFile(path, 'film');
  try {
    return await runCommand(['upload', path, '--server', server, ...options], { env: { XDG_STATE_HOME: dir } });
  } finally {
    await rm(dir, { recursive: true });
  }
}

test('an upload that waits for a server which never answered says why, once', async () => {
  const plain = await answering((_, response) => response.end());
  const ran = await uploading(plain.replace('http', 'https'), '--give-up-after', '1');
  expect(ran.exitCode).toBe(3);
  expect(ran.stderr.match(/does not answer: it does not speak TLS/g)).toHaveLength(1);
});

test('commands say that what answers is not Holdfast', async () => {
  const page = await answering((_, response) => response.end('<html>Sign in</html>'));
  const list = await answering((_, response) => response.end('[]'));
  const redirect = await answering((_, response) => response.writeHead(302, { location: `${page}/login` }).end());
  for (const [url, place] of [
    [page, page],
    [list, list],
    [redirect, `${redirect} leads to ${page}/login, which`],
  ] as const)
    expect(await runCommand(['status', '--server', url])).toMatchObject({
      exitCode: 1,
      stderr: `${place} answers, but not as Holdfast. Check the address.`,
    });
});

test('no command takes a foreign object for an answer, or gets lost in one', async () => {
  const asset = 'a'.repeat(64);
  const commands = [
    'status, status u1, runs, runs show r1, runs retry r1, runs retry --all, runs cancel r1, steps, steps failed, steps times',
    'steps log k1, steps retry k1, steps cancel k1, classes, classes pause cpu, pipelines show, pipelines plan --all',
    'pipelines apply --all --yes, webhooks list, webhooks failures, webhooks retry --all, webhooks test w1',
  ].flatMap((line) => line.split(', '));
  for (const text of ['{"status":"ok"}', '{"items":[]}', '{"items":[{"id":1}],"cursor":null}', 'null']) {
    const foreign = await answering((_, response) => response.end(text));
    const stderr = `${foreign} answers, but not as Holdfast. Check the address.`;
    for (const command of [...commands, `status ${asset}`]) {
      const ran = await runCommand([...command.split(' '), '--server', foreign]);
      // An empty list is one of Holdfast's, too.
      if (text !== '{"items":[]}' || ran.exitCode !== 0)
        expect({ command, ...ran }).toMatchObject({ command, exitCode: 1, stdout: '', stderr });
    }
  }
});

test('what a foreign server gives as its reason is told in words, and where a redirect went', async () => {
  const validation = await answering((_, response) => response.writeHead(422).end('{"detail":[{"loc":["body"]}]}'));
  expect(await runCommand(['status', '--server', validation])).toMatchObject({
    exitCode: 1,
    stderr: `${validation} answered with status 422.`,
  });
  const closed = await answering((_, response) => response.writeHead(401).end('{"detail":"No API key."}'));
  const redirect = await answering((_, response) => response.writeHead(301, { location: `${closed}/x` }).end());
  expect(await runCommand(['status', '--server', redirect, '--api-key', 'k'.repeat(32)])).toMatchObject({
    exitCode: 1,
    stderr: `No API key. (${redirect} leads to ${closed}/x: give that address)`,
  });
});

test('credentials in the address go to the server, and not to the terminal; an address has no query', async () => {
  const heard: string[] = [];
  const proxy = await answering((request, response) => {
    heard.push(request.headers.authorization ?? '');
    response.writeHead(404).end();
  });
  const address = proxy.replace('//', '//ana:p%40ss@');
  const ran = [await runCommand(['status', '--server', address]), await uploading(address)];
  expect(heard).toEqual([0, 1].map(() => `Basic ${Buffer.from('ana:p@ss').toString('base64')}`));
  expect(ran[0]?.stderr).toBe(`${proxy} answered with status 404.`);
  for (const { exitCode, stderr } of ran) expect([exitCode, /p%40ss|p@ss/.test(stderr)]).toEqual([1, false]);
  await runCommand(['status', '--server', proxy.replace('//', '//:100%@')]);
  expect(heard.pop()).toBe(`Basic ${Buffer.from(':100%').toString('base64')}`);
  for (const end of ['?x=1', '/#library'])
    expect(await runCommand(['status', '--server', proxy + end])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('ends before ? and #'),
    });
});

test('an empty key is told as what it is', async () => {
  expect(await runCommand(['status', '--api-key', ''])).toMatchObject({
    exitCode: 2,
    stderr: 'The API key of --api-key is empty.',
  });
});

test('doctor takes no server address that is none, and ends at Ctrl-C', async () => {
  expect(await runCommand(['doctor', '--server', 'localhost:8080'])).toMatchObject({ exitCode: 2, stdout: '' });
  const silent = await answering(() => {});
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 200);
  const ran = await runCommand(['doctor', '--server', silent], { signal: controller.signal });
  expect(ran).toMatchObject({ exitCode: 130, stdout: '' });
});
