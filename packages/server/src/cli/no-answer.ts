/** Why a request got no answer, in words: fetch says "fetch failed", and puts what happened into causes and codes. */

const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/;

/** `url`: what was asked. */
export function whyNoAnswer(error: unknown, url: string): string {
  const cause = rootOf(error);
  if (!(cause instanceof Error)) return String(cause);
  if (cause.name === 'TimeoutError') return 'nothing came in time';
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const tls = url.startsWith('https:');
  if (untrusted.test(code)) return `its certificate is not trusted here: ${oneLine(cause.message)}`;
  if (code === 'ECONNREFUSED') return 'nothing listens there (ECONNREFUSED)';
  if (code === 'ENOTFOUND') return 'there is no such host (ENOTFOUND)';
  if (tls && /^(ERR_SSL|EPROTO)/.test(code)) return `it does not speak TLS; is it http://? (${code})`;
  if (!tls && (/^(UND_ERR_SOCKET|ECONNRESET|HPE_)/.test(code) || cause.name === 'HTTPParserError'))
    return `the connection broke, or it does not speak HTTP; is it https://? (${oneLine(cause.message)})`;
  return code === '' ? oneLine(cause.message) : code;
}

function rootOf(error: unknown): unknown {
  let root = error;
  while (root instanceof Error && root.cause !== undefined) root = root.cause;
  return root;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
