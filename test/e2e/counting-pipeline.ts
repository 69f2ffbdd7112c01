/** A pipeline that tells how often each content was processed. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface CountingPipeline {
  /** The definition file. */
  readonly file: string;
  /** The file that each run of its step adds a line to: the content's id. */
  readonly counts: string;
}

export async function countingPipeline(dir: string): Promise<CountingPipeline> {
  const file = join(dir, 'count.yaml');
  const counts = join(dir, 'counted');
  await writeFile(
    file,
    `default: false
pipelines:
  - name: count
    steps:
      - name: count
        command: [/bin/sh, -c, 'echo $1 >> ${counts}; echo told', count, "{id}"]
        version: 1
        outputs: { told: { file: told.txt, type: text/plain, from: stdout } }
`,
  );
  return { file, counts };
}

/** What was counted; empty when nothing was. */
export async function countedIn(counts: string): Promise<string[]> {
  return (await readFile(counts, 'utf8').catch(() => '')).split('\n').filter(Boolean);
}
