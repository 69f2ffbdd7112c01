/** What sort of file system a folder is on. Change notices do not come from other machines, so those are only looked at on the interval. */
import { readFile } from 'node:fs/promises';

const network =
  /^(?:nfs4?|cifs|smb3?|smbfs|9p|afs|ceph|glusterfs|lustre|ncpfs|davfs2?|fuse\.(?:sshfs|s3fs|rclone|glusterfs|davfs2?|gcsfuse|goofys|smbnetfs|mergerfs|unionfs)|virtiofs|vboxsf|prl_fs|drvfs|fuse\.osxfs|fakeowner)$/;

/** Types whose writers may be elsewhere. */
export function isNetwork(type: string): boolean {
  return network.test(type);
}

/** The type of the file system that the path is on, from the text of /proc/self/mountinfo; null when it does not tell. */
export function fileSystemType(mountinfo: string, path: string): string | null {
  let best: { readonly point: string; readonly type: string } | null = null;
  for (const line of mountinfo.split('\n')) {
    // proc_pid_mountinfo(5): id, parent, device, root, mount point, options, optional fields …, "-", type, source, options.
    const [mount = '', rest] = line.split(' - ');
    const point = (mount.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_all, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const type = rest?.split(' ')[0];
    if (point === '' || type === undefined) continue;
    const covers = point === '/' || path === point || path.startsWith(`${point}/`);
    // The later of two at the same place is on top.
    if (covers && point.length >= (best?.point.length ?? 0)) best = { point, type };
  }
  return best?.type ?? null;
}

export async function fileSystemOf(path: string): Promise<string | null> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return fileSystemType(text, path);
}
