/** Worker threads are started by file name, and that ends in .ts when running from source and in .js from dist. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** URL of the module `name` (without extension) beside the module whose `import.meta.url` is `from`. */
export function siblingModule(from: string, name: string): URL {
  return new URL(`./${name}${extname(fileURLToPath(from))}`, from);
}
