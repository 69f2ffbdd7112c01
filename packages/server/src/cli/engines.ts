/** The engines of this machine, as the configuration wants them, and the keys for their servers. */
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/schema.ts';
import { HoldfastError } from '../core/errors.ts';
import type { StepSecrets } from '../pipeline/context.ts';
import { chooseEngines, type EngineChoice } from '../pipeline/engines/choice.ts';

/** Rejects with `invalid-request` when settings contradict each other. */
export function engineChoice(config: Config): Promise<EngineChoice> {
  return chooseEngines(config, process.env['PATH'] ?? '');
}

/** Rejects with `invalid-request` when a file with a key cannot be read. */
export async function engineSecrets(config: Config): Promise<StepSecrets> {
  return {
    speechApiKey: config.speechApiKey ?? (await keyIn('speechApiKeyFile', config.speechApiKeyFile)),
    chatApiKey: config.chatApiKey ?? (await keyIn('chatApiKeyFile', config.chatApiKeyFile)),
  };
}

async function keyIn(setting: string, file: string | undefined): Promise<string | null> {
  if (file === undefined) return null;
  try {
    const key = (await readFile(file, 'utf8')).trim();
    if (key !== '') return key;
  } catch (cause) {
    throw new HoldfastError('invalid-request', `${setting}: ${file} cannot be read.`, { cause });
  }
  throw new HoldfastError('invalid-request', `${setting}: ${file} is empty.`);
}
