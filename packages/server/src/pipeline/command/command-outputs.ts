/** What a command left: checked against what the definition says, JSON parsed. */
import { lstat, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ResultFile } from '../context.ts';
import type { OutputSpec } from './command-spec.ts';

/** JSON up to this size becomes part of the step's output in the ledger; larger ones are files only. */
export const inlineJsonBytesMax = 32 * 1024;

export interface Left {
  readonly files: readonly ResultFile[];
  /** File names by output, of those that are there. */
  readonly names: Readonly<Record<string, string>>;
  /** Parsed JSON outputs by output. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Throws when the command did not keep to its definition: such a result is not recorded. */
export async function collectOutputs(
  scratch: string,
  outputs: Readonly<Record<string, OutputSpec>>,
  files: Readonly<Record<string, string>>,
): Promise<Left> {
  const found: ResultFile[] = [];
  const names: Record<string, string> = {};
  const data: Record<string, unknown> = {};
  for (const [output, spec] of Object.entries(outputs)) {
    const name = files[output] ?? '';
    const file = path.join(scratch, name);
    const size = await sizeOf(file);
    if (size === null) {
      if (spec.required) throw new Error(`The command ended well but left no ${name} (output ${output}).`);
      continue;
    }
    if (size > spec.bytesMax)
      throw new Error(`${name} (output ${output}) has ${size} bytes; its definition allows ${spec.bytesMax}.`);
    if (isJson(spec.type)) {
      const value = await parsed(file, `${name} (output ${output})`);
      if (size <= inlineJsonBytesMax) data[output] = value;
    }
    names[output] = name;
    found.push({ name, contentType: spec.type });
  }
  return { files: found, names, data };
}

function isJson(type: string): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(type);
}

/** Bytes; null when there is no regular file of that name: what a link points at is not the command's to give. */
async function sizeOf(file: string): Promise<number | null> {
  try {
    const facts = await lstat(file);
    return facts.isFile() ? facts.size : null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function parsed(file: string, what: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new Error(`${what} is not well-formed JSON: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
