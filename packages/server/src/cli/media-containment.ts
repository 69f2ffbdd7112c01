/** What of the fence around media programs this machine can hold, and how to get the rest. */
import type { ReadyTools } from '../pipeline/media/tools.ts';
import type { Diagnosis } from './diagnoses.ts';

export function containment({ memory, isolation }: ReadyTools): Diagnosis {
  const held = ['lists of formats and protocols, time, output'];
  const advice: string[] = [];
  if (memory) held.push(`memory (${memory.bytesMax / 1024 ** 3} GiB), CPU time, file size`);
  else advice.push('install prlimit (Debian: util-linux) for limits of memory, CPU time and file size');
  if (isolation) held.push('no network');
  else {
    advice.push(
      'allow network namespaces for programs without a network: install unshare (util-linux), and let this user make user namespaces (sysctl kernel.unprivileged_userns_clone=1, in a container --security-opt seccomp=… that allows unshare)',
    );
  }
  const diagnosis: Diagnosis = {
    subject: 'containment',
    verdict: advice.length === 0 ? 'good' : 'warning',
    found: `media programs and commands are held by ${held.join('; ')}`,
  };
  return advice.length === 0 ? diagnosis : { ...diagnosis, advice: advice.join('; ') };
}
