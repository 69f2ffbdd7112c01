/** What commands share that ask a running server. */
import { Command, Option } from 'commander';
import { ApiClient, defaultServer, serverAccess } from './api-client.ts';
import { type CliIo, CommandFailed, exitCodes, exitCodesHelp, printLine, printWords } from './io.ts';

export interface ServerOptions {
  readonly server?: string;
  readonly apiKey?: string;
  readonly json?: boolean;
}

/** A subcommand with the options of all that ask a server. */
export function serverCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--server <url>', `the server (default: HOLDFAST_SERVER or ${defaultServer})`)
    .option('--api-key <key>', 'credentials (default: HOLDFAST_API_KEY)')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', exitCodesHelp);
}

/** Takes over how the program ends and prints: subcommands that are made apart do not inherit it. */
export function addTo(group: Command, command: Command, isDefault = false): void {
  group.addCommand(command.copyInheritedSettings(group), { isDefault });
}

export const limitOption = (standard: number): Option =>
  new Option('--limit <number>', 'how many at most').default(standard).argParser(wholeNumber);

export function clientOf(options: ServerOptions, io: CliIo): ApiClient {
  return new ApiClient(serverAccess(options, io.env), io.signal);
}

/** The value as JSON where that is wanted, the lines otherwise. */
export function show(
  to: { readonly options: ServerOptions; readonly io: CliIo },
  value: object,
  lines: readonly string[],
): void {
  if (to.options.json === true) printLine(to.io.stdout, JSON.stringify(value, null, 2));
  else for (const line of lines) printWords(to.io.stdout, line);
}

/** `?a=1&b=2` of what is given; empty without any. */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new CommandFailed(`"${text}" is not a whole number above 0.`, exitCodes.usage);
}
