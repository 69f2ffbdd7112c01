// A web application with people of its own, which takes their files through Holdfast. Node 22 or newer.
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { loadConfig, openNode } from 'holdfast';
import { Webhook } from 'standardwebhooks';

const port = Number(process.env.PORT ?? 5174);
const at = (path) => fileURLToPath(new URL(path, import.meta.url));
// The same at each start, so that what was not delivered yet still is: keep it where the application's other secrets are.
const secret = process.env.WEBHOOK_SECRET ?? `whsec_${randomBytes(32).toString('base64')}`;

/** Who is signed in, by the value of their cookie. An application has its own way: passport, express-session … */
const sessions = new Map();
const personOf = ({ headers }) => sessions.get(/(?:^|; )session=([\w-]+)/.exec(headers.cookie ?? '')?.[1]);

const config = loadConfig({
  env: process.env,
  flags: {
    basePath: '/uploads',
    logLevel: 'warn',
    dataDir: process.env.HOLDFAST_DATA_DIR ?? './data-express',
    webhooks: [{ url: `http://127.0.0.1:${port}/hooks/holdfast`, secret, events: ['upload.completed', 'run.*'] }],
  },
});
const holdfast = await openNode({
  config,
  // Null: nobody that we know. Everybody sees their own files, and nobody else's.
  authenticate: async ({ request }) => (request.person ? { principal: request.person } : null),
});

const app = express();
app.use((request, _response, next) => {
  request.person = personOf(request);
  next();
});
// In front of what reads bodies.
app.use('/uploads', holdfast.http.handle);
app.post('/hooks/holdfast', express.text({ type: 'application/json', limit: '1mb' }), (request, response) => {
  let event;
  try {
    event = new Webhook(secret).verify(request.body, request.headers);
  } catch {
    return response.sendStatus(400);
  }
  const file = event.upload?.filename ?? event.asset?.filename;
  console.log(`${event.type} ${event.principal} ${file}`);
  response.sendStatus(204);
});
app.use('/client', express.static(at('../../node_modules/@holdfast/client/dist/browser')));
app.post('/sign-in', express.urlencoded({ extended: false }), (request, response) => {
  const id = randomUUID();
  sessions.set(
    id,
    String(request.body?.name ?? '')
      .replace(/\W/g, '')
      .slice(0, 40) || 'somebody',
  );
  response.cookie('session', id, { httpOnly: true, sameSite: 'strict' }).redirect('/');
});
app.get('/', ({ person }, response) => response.sendFile(at(person ? 'files.html' : 'sign-in.html')));

// Bodies may take longer than the five minutes that node:http gives them; Holdfast has limits of its own.
const server = createServer({ requestTimeout: 0 }, app);
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, async () => {
    server.close();
    await holdfast.close();
    server.closeAllConnections();
  });
