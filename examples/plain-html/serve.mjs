// Serves the page and the modules that it imports, and passes everything else on to Holdfast.
import { createReadStream, existsSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const holdfast = process.env.HOLDFAST_URL ?? 'http://127.0.0.1:8080';
const port = Number(process.env.PORT ?? 5170);
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const modules = at('../../node_modules/@holdfast/client/dist/browser');
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript' };

function fileOf(path) {
  if (path === '/') return at('index.html');
  // `normalize` takes out every `..` before the folder is put in front.
  return path.startsWith('/client/') ? join(modules, normalize(path.slice('/client'.length))) : null;
}

createServer((incoming, answer) => {
  const file = fileOf(new URL(incoming.url, 'http://localhost').pathname);
  if (file) {
    if (!existsSync(file)) return answer.writeHead(404).end();
    answer.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
    return createReadStream(file).pipe(answer);
  }
  const { method, headers } = incoming;
  const outgoing = request(new URL(incoming.url, holdfast), { method, headers }, (response) => {
    answer.writeHead(response.statusCode, response.headers);
    response.pipe(answer);
  });
  outgoing.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
  answer.on('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
}).listen(port, '127.0.0.1', function () {
  console.log(`http://127.0.0.1:${this.address().port}/`);
});
