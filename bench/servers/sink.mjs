/**
 * The limit: node:http and nothing but writing to a file. `PUT /name?offset=N`. No state, no checks, no digest, no sync.
 *
 * - `gather` (what Holdfast is compared with): socket reads are gathered to 1 MiB, one writev at the offset, two in flight, as cheap as
 *   node:http gets without blocking the loop
 * - `stream`: what is usually written, `pipeline(request, createWriteStream)`
 *
 * Arguments: port, folder, variant.
 */
import fs from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const [port, folder, variant] = process.argv.slice(2);
const writev = promisify(fs.writev);
const open = promisify(fs.open);
const batchBytes = 1024 * 1024;
const inFlightMax = 2;
const files = new Map();

function fileOf(name) {
  const known = files.get(name) ?? open(join(folder, name), fs.constants.O_RDWR | fs.constants.O_CREAT);
  files.set(name, known);
  return known;
}

async function writeAll(fd, batch, position) {
  const written = await writev(fd, batch, position);
  const wanted = batch.reduce((sum, part) => sum + part.length, 0);
  const { bytesWritten = written } = written;
  if (bytesWritten !== wanted) throw new Error(`the disk took ${bytesWritten} of ${wanted} bytes`);
}

function gather(request, fd, offset) {
  return new Promise((resolve, reject) => {
    let batch = [];
    let bytes = 0;
    let at = offset;
    let inFlight = 0;
    let ended = false;
    const flush = () => {
      inFlight += 1;
      writeAll(fd, batch, at).then(() => {
        inFlight -= 1;
        request.resume();
        if (ended && inFlight === 0) resolve();
      }, reject);
      at += bytes;
      batch = [];
      bytes = 0;
      if (inFlight >= inFlightMax) request.pause();
    };
    request.on('data', (data) => {
      batch.push(data);
      bytes += data.length;
      if (bytes >= batchBytes) flush();
    });
    request.on('error', reject);
    request.on('end', () => {
      ended = true;
      if (bytes > 0) flush();
      else if (inFlight === 0) resolve();
    });
  });
}

async function receive(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const name = pathname.slice(1);
  const offset = Number(searchParams.get('offset'));
  if (variant === 'gather') {
    await gather(request, await fileOf(name), offset);
    return;
  }
  await fileOf(name);
  await pipeline(request, fs.createWriteStream(join(folder, name), { flags: 'r+', start: offset }));
}

const server = createServer((request, response) => {
  receive(request).then(
    () => response.writeHead(204).end(),
    (error) => response.writeHead(500).end(String(error)),
  );
});
server.listen(Number(port), '127.0.0.1');
