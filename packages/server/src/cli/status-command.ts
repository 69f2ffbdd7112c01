/** `holdfast status`: what is being uploaded, one upload, or one asset with what the pipeline did. */
import type { Command } from 'commander';
import { ApiClient, defaultServer, serverAccess } from './api-client.ts';
import { type CliIo, exitCodesHelp, printLine, printWords } from './io.ts';
import { assetLines, uploadLines, uploadListLines } from './status-text.ts';

interface Options {
  readonly server?: string;
  readonly apiKey?: string;
  readonly json?: boolean;
}

/** Assets go by their SHA-256. */
const assetId = /^[0-9a-f]{64}$/;

export function registerStatus(program: Command, io: CliIo): void {
  program
    .command('status')
    .description('Without an id: uploads that are not ended. With the id of an upload or an asset: all about it.')
    .argument('[id]', 'id of an upload, or of an asset (64 hex digits)')
    .option('--server <url>', `the server (default: HOLDFAST_SERVER or ${defaultServer})`)
    .option('--api-key <key>', 'credentials (default: HOLDFAST_API_KEY)')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', exitCodesHelp)
    .action((id: string | undefined, options: Options) => run(id, options, io));
}

async function run(id: string | undefined, options: Options, io: CliIo): Promise<void> {
  const api = new ApiClient(serverAccess(options, io.env), io.signal);
  const { value, lines } = await look(api, id);
  if (options.json === true) printLine(io.stdout, JSON.stringify(value, null, 2));
  else for (const line of lines) printWords(io.stdout, line);
}

async function look(api: ApiClient, id: string | undefined): Promise<{ value: object; lines: string[] }> {
  if (id === undefined) {
    const items = await api.liveUploads();
    return { value: { items }, lines: uploadListLines(items, Date.now()) };
  }
  if (assetId.test(id)) {
    const [asset, runs, artifacts] = await Promise.all([api.asset(id), api.runs(id), api.artifacts(id)]);
    return { value: { asset, runs, artifacts }, lines: assetLines({ asset, runs, artifacts }) };
  }
  const upload = await api.upload(id);
  return { value: upload, lines: uploadLines(upload, Date.now()) };
}
