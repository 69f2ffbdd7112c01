/** Traces of the program as it is shipped: their packages are optional, and loaded only when they are wanted. */
import { expect, test } from 'vitest';
import { TraceReceiver } from '../../packages/server/test/trace-receiver.ts';
import { ServerProcess } from './server-process.ts';

/** Node finds no package of OpenTelemetry, as on a machine that does not have them; only the API comes with prom-client. */
const notInstalled = `import { registerHooks } from 'node:module';
registerHooks({ resolve: (name, context, next) => next(name.replace(/^@opentelemetry\\/(?!api$)/, '@opentelemetry/missing-'), context) });`;
const without = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(notInstalled)}` };

test('with the setting, spans arrive when the server stops; without the packages, it says what to install', async () => {
  await using receiver = await TraceReceiver.start();
  const env = { HOLDFAST_RESERVE_MB: '0', HOLDFAST_OTLP_ENDPOINT: receiver.endpoint };
  await using server = await ServerProcess.start({ args: ['--no-pipeline'], env });
  expect((await fetch(`${server.url}/v1/uploads`)).status).toBe(200);
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(receiver.named('GET /v1/uploads')).toMatchObject([{ kind: 2, parent: null }]);

  const { dataDir } = server;
  await expect(ServerProcess.start({ dataDir, env: { ...env, ...without } })).rejects.toThrow(
    /ended with 2: .*npm install @opentelemetry\/api/s,
  );
  const { HOLDFAST_OTLP_ENDPOINT: _none, ...plain } = env;
  await using untraced = await ServerProcess.start({ dataDir, args: ['--no-pipeline'], env: { ...plain, ...without } });
  expect((await fetch(`${untraced.url}/health/live`)).status).toBe(200);
});
