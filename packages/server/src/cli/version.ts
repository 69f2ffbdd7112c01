import { readFileSync } from 'node:fs';

/** The version of the package that this file is in, from source and from dist alike. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
