/** The headers of one part of a form. */

/** A parameter of Content-Disposition (RFC 6266): browsers escape quotes in it as %22, others with a backslash. */
const parameter = /;\s*([\w!#$&+.^`|~*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]*))\s*/gy;

/** The part's name, or null if it is not a part of a form. What a file name contains cannot pass for a name. */
export function partName(headers: Buffer): string | null {
  const lines = headers.toString('utf8').split('\r\n');
  const disposition = lines.map((line) => /^content-disposition:\s*form-data\s*(;.*)$/i.exec(line)?.[1]).find(Boolean);
  if (disposition === undefined) return null;
  for (const [, key, quoted, token] of disposition.matchAll(parameter)) {
    if (key?.toLowerCase() !== 'name') continue;
    const name = quoted?.replace(/\\(.)/g, '$1') ?? token ?? '';
    return name === '' ? null : name;
  }
  return null;
}
