/** `holdfast webhooks`: who is told of events, what could not be delivered, and sending it again. */
import { Command, Option } from 'commander';
import { ApiClient, defaultServer, serverAccess } from './api-client.ts';
import { type CliIo, CommandFailed, exitCodes, exitCodesHelp, printLine, printWords } from './io.ts';
import { endpointLines, failureLines, testLine } from './webhooks-text.ts';

interface Access {
  readonly server?: string;
  readonly apiKey?: string;
  readonly json?: boolean;
}

interface RetryOptions extends Access {
  readonly endpoint?: string;
  readonly all?: boolean;
}

const endpointHelp = 'URL or id of a configured endpoint';

export function registerWebhooks(program: Command, io: CliIo): void {
  const group = program
    .command('webhooks')
    .description('Endpoints that are told of events, and what could not be delivered to them.')
    .addHelpText('after', exitCodesHelp);
  const add = (name: string, description: string): Command => {
    const command = new Command(name)
      .description(description)
      .option('--server <url>', `the server (default: HOLDFAST_SERVER or ${defaultServer})`)
      .option('--api-key <key>', 'credentials of an administrator (default: HOLDFAST_API_KEY)')
      .option('--json', 'the answer as JSON')
      .addHelpText('after', exitCodesHelp);
    // Takes over how the program ends and prints: subcommands that are made apart do not inherit it.
    group.addCommand(command.copyInheritedSettings(group));
    return command;
  };
  add('list', 'Endpoints with deliveries by state, the last success and the oldest that waits.').action(
    (options: Access) => list(options, io),
  );
  add('failures', 'Deliveries that failed, so far or for good, the newest first.')
    .option('--endpoint <url>', endpointHelp)
    .addOption(new Option('--limit <number>', 'how many at most').default(50).argParser(wholeNumber))
    .action((options: Access & { endpoint?: string; limit: number }) => failures(options, io));
  add('retry', 'Send again now: one message (also a delivered one), what failed at an endpoint, or all that failed.')
    .argument('[id]', 'id of a message, as in "failures" and in webhook-id')
    .option('--endpoint <url>', endpointHelp)
    .option('--all', 'everything that failed, at every endpoint')
    .action((id: string | undefined, options: RetryOptions) => retry(id, options, io));
  add('test', 'Send a signed ping to an endpoint and tell what it answers.')
    .argument('[url]', endpointHelp)
    .option('--endpoint <url>', 'the same')
    .action((url: string | undefined, options: Access & { endpoint?: string }) => test(url, options, io));
}

async function list(options: Access, io: CliIo): Promise<void> {
  const items = await client(options, io).webhooks();
  print({ options, io }, { items }, endpointLines(items, Date.now()));
}

async function failures(options: Access & { endpoint?: string; limit: number }, io: CliIo): Promise<void> {
  const items = await client(options, io).webhookFailures(options.endpoint, options.limit);
  print({ options, io }, { items }, failureLines(items, Date.now()));
}

async function retry(id: string | undefined, options: RetryOptions, io: CliIo): Promise<void> {
  const { endpoint, all } = options;
  if ((id !== undefined || endpoint !== undefined) === (all === true)) {
    const what = 'Say what to send again: the id of a message, --endpoint <url>, or --all.';
    throw new CommandFailed(what, exitCodes.usage);
  }
  const retried = await client(options, io).retryWebhooks({
    ...(id === undefined ? {} : { id }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(all === true ? { all } : {}),
  });
  const words = retried === 0 ? 'Nothing to send again.' : `${retried} to be sent again now.`;
  print({ options, io }, { retried }, [words]);
}

async function test(url: string | undefined, options: Access & { endpoint?: string }, io: CliIo): Promise<void> {
  const endpoint = url ?? options.endpoint;
  if (endpoint === undefined || (url !== undefined && options.endpoint !== undefined))
    throw new CommandFailed('Say which endpoint to test: its URL, or its id.', exitCodes.usage);
  const result = await client(options, io).testWebhook(endpoint);
  print({ options, io }, result, [testLine(result)]);
  if (!result.delivered) throw new CommandFailed('', exitCodes.failed);
}

function client(options: Access, io: CliIo): ApiClient {
  return new ApiClient(serverAccess(options, io.env), io.signal);
}

function print(to: { readonly options: Access; readonly io: CliIo }, value: object, lines: readonly string[]): void {
  if (to.options.json === true) printLine(to.io.stdout, JSON.stringify(value, null, 2));
  else for (const line of lines) printWords(to.io.stdout, line);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new CommandFailed(`"${text}" is not a whole number above 0.`, exitCodes.usage);
}
