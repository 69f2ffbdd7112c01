/** The settings of a command of the server's side, from where `serve` has them. */
import { readFile } from 'node:fs/promises';
import { loadConfig } from '../config/load.ts';
import type { Config, ConfigKey } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';

export interface ConfigWish {
  /** What --config says; by default the file that HOLDFAST_CONFIG names, if any. */
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By key; undefined ones are passed over. */
  readonly flags: Readonly<Partial<Record<ConfigKey, unknown>>>;
}

/** Flags over the environment over the file. Rejects with `invalid-request`. */
export async function readConfig({ file, env, flags }: ConfigWish): Promise<Config> {
  const name = file ?? env['HOLDFAST_CONFIG'];
  const read = name === undefined || name === '' ? {} : { file: { name, text: await readConfigFile(name) } };
  return loadConfig({ ...read, env, flags });
}

async function readConfigFile(name: string): Promise<string> {
  try {
    return await readFile(name, 'utf8');
  } catch (cause) {
    throw new HoldfastError(
      'invalid-request',
      `The configuration file ${name} cannot be read: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}
