/** What stands between clients and the server: `doctor --url` asks the server from outside what arrives, and how. */
import { type ProbeAnswer, probeAnswerHeaders, probeEventGapMs } from '@holdfast/protocol';
import { systemClock } from '../platform/system-clock.ts';
import type { Diagnosis } from './diagnoses.ts';
import { type ProbeExchange, type ProbeRequest, sendProbe } from './probe-request.ts';

/** As the largest requests do: more than proxies take without being told. */
const firstPartBytes = 64 * 1024;
const answerMs = 3_000;
const MiB = 1024 * 1024;

/** One of each, in the form in which clients send them. */
const sent: Readonly<Record<string, string>> = {
  'content-digest': 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
  'content-type': 'application/offset+octet-stream',
  'if-range': '"probe"',
  'last-event-id': '17',
  range: 'bytes=0-9',
  'repr-digest': 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
  'tus-resumable': '1.0.0',
  'upload-checksum': 'sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=',
  'upload-complete': '?0',
  'upload-concat': 'partial',
  'upload-draft-interop-version': '8',
  'upload-length': '17',
  'upload-metadata': 'filename cHJvYmU=',
  'upload-offset': '0',
  'x-http-method-override': 'PATCH',
};

export async function checkProxy(url: string, signal: AbortSignal): Promise<Diagnosis[]> {
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  const at = (path: string): URL => new URL(path, base);
  const ask = (request: Omit<ProbeRequest, 'signal' | 'answerMs'>) => sendProbe({ ...request, signal, answerMs });
  const plain = await ask({ url: at('v1/probe'), method: 'PATCH', headers: sent });
  const answer = plain.kind === 'answer' ? probeAnswerOf(plain) : null;
  if (plain.kind !== 'answer' || answer === null) return [unreachable(url, plain)];
  const body = await ask({
    url: at('v1/probe'),
    method: 'PUT',
    headers: { 'content-length': String(answer.chunkBytesMax) },
    firstPart: firstPartBytes,
  });
  return [
    checkName(base, answer),
    checkForwarding(answer),
    checkHeaders(answer, plain),
    ...(await checkMethods(at('v1/probe'), ask)),
    checkBody(body, answer.chunkBytesMax),
    await checkEvents(at('v1/probe/events'), signal),
  ];
}

function probeAnswerOf(exchange: ProbeExchange & { readonly kind: 'answer' }): ProbeAnswer | null {
  try {
    const answer = JSON.parse(exchange.body) as ProbeAnswer;
    return typeof answer.chunkBytesMax === 'number' ? answer : null;
  } catch {
    return null;
  }
}

function unreachable(url: string, exchange: ProbeExchange): Diagnosis {
  const found =
    exchange.kind === 'answer'
      ? `${url} answers ${exchange.status}, but not as Holdfast: ${exchange.body.slice(0, 120).replace(/\s+/g, ' ')}`
      : `${url} does not answer: ${exchange.reason}`;
  const advice =
    'check the address with its path (basePath), that the proxy hands on /v1/ and takes PATCH, and that the server runs with API keys when it is reached by another name than localhost';
  return { subject: 'proxy', verdict: 'bad', found, advice };
}

/** A wrong scheme or host makes the server take its own page for a foreign one, and cookies less safe than they are. */
function checkName(base: URL, { scheme, host }: ProbeAnswer): Diagnosis {
  const own = `${scheme}://${host}`;
  if (own === base.origin) return { subject: 'scheme and host', verdict: 'good', found: own };
  return {
    subject: 'scheme and host',
    verdict: 'bad',
    found: `the server takes itself for ${own}, but clients use ${base.origin}: browsers would be refused`,
    advice:
      'nginx: proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; and name the proxy in trustedProxies (Caddy and Traefik send these by themselves)',
  };
}

function checkForwarding({ forwarded, ip }: ProbeAnswer): Diagnosis {
  const subject = 'client address';
  if (forwarded === 'no') return { subject, verdict: 'good', found: `${ip}, no proxy speaks for it` };
  if (forwarded === 'believed') return { subject, verdict: 'good', found: `${ip}, as the trusted proxy says` };
  return {
    subject,
    verdict: 'warning',
    found: `X-Forwarded-* of ${ip} are not believed: to rate limits all clients of that proxy are one`,
    advice: `if ${ip} is your proxy, set trustedProxies: [${ip}]`,
  };
}

function checkHeaders(answer: ProbeAnswer, exchange: ProbeExchange & { readonly kind: 'answer' }): Diagnosis {
  const lost = Object.entries(sent).filter(([name, value]) => answer.headers[name] !== value);
  const back = Object.entries(probeAnswerHeaders).filter(([name, value]) => exchange.headers[name] !== value);
  const location = String(exchange.headers['location'] ?? 'missing');
  const moved = location.startsWith('/') && !location.startsWith('//') ? [] : [`Location (became ${location})`];
  const names = [...lost.map(([name]) => `${name} (request)`), ...back.map(([name]) => `${name} (answer)`), ...moved];
  if (names.length === 0) return { subject: 'headers', verdict: 'good', found: 'all arrive as they were sent' };
  return {
    subject: 'headers',
    verdict: 'bad',
    found: `lost or changed on the way: ${names.join(', ')}`,
    advice:
      'let the proxy pass them: no proxy_set_header with an empty value and no proxy_hide_header in nginx, no header_up -Name in Caddy; no caching or rewriting of /v1/, /files and /api/; proxy_redirect off',
  };
}

type Ask = (request: Omit<ProbeRequest, 'signal' | 'answerMs'>) => Promise<ProbeExchange>;

async function checkMethods(url: URL, ask: Ask): Promise<Diagnosis[]> {
  const methods = ['PUT', 'PATCH', 'POST', 'DELETE'];
  const refused: string[] = [];
  for (const method of methods) {
    const exchange = await ask({ url, method, headers: {} });
    const arrived = exchange.kind === 'answer' ? probeAnswerOf(exchange)?.method : undefined;
    if (arrived !== method) refused.push(method);
  }
  if (refused.length === 0) return [{ subject: 'methods', verdict: 'good', found: `${methods.join(', ')} arrive` }];
  return [
    {
      subject: 'methods',
      verdict: 'bad',
      found: `${refused.join(', ')} do not arrive`,
      advice: 'let the proxy (limit_except, a firewall for applications) pass all methods',
    },
  ];
}

/** The beginning of a large body: who answers it, and whether before its end. */
function checkBody(exchange: ProbeExchange, chunkBytesMax: number): Diagnosis {
  const subject = 'request bodies';
  const size = `${Math.round(chunkBytesMax / MiB)} MiB`;
  if (exchange.kind === 'answer' && probeAnswerOf(exchange))
    return { subject, verdict: 'good', found: `of ${size} are let through, and streamed` };
  if (exchange.kind === 'answer' && exchange.status === 413)
    return {
      subject,
      verdict: 'bad',
      found: `the proxy refuses bodies of ${size}, the largest chunk of this server (413)`,
      advice: `nginx: client_max_body_size 0; Caddy: no request_body max_size; Traefik: no buffering middleware; or lower maxChunkSizeMb`,
    };
  if (exchange.kind === 'answer')
    return {
      subject,
      verdict: 'bad',
      found: `the proxy answers a body of ${size} with ${exchange.status} by itself`,
      advice: 'look into its log',
    };
  if (exchange.kind === 'silence')
    return {
      subject,
      verdict: 'bad',
      found:
        'the proxy keeps them until they are whole: progress is not true, and an interrupted request leaves nothing',
      advice:
        'nginx: proxy_request_buffering off; proxy_http_version 1.1; Caddy: no request_buffers; Traefik: no buffering middleware',
    };
  return {
    subject,
    verdict: 'bad',
    found: `the proxy breaks a body of ${size} off: ${exchange.reason}`,
    advice: 'raise its limits of size and time for request bodies',
  };
}

/** Whether the first event comes when it is sent, and not together with the second. */
async function checkEvents(url: URL, signal: AbortSignal): Promise<Diagnosis> {
  const subject = 'event streams';
  const buffered: Diagnosis = {
    subject,
    verdict: 'warning',
    found: 'the proxy keeps events back: pages show progress late',
    advice: 'nginx: proxy_buffering off; gzip off for text/event-stream; Caddy: flush_interval -1',
  };
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMs + probeEventGapMs)]);
    const response = await fetch(url, { headers: { accept: 'text/event-stream' }, signal: limit });
    const seen: { readonly at: number; readonly text: string }[] = [];
    for await (const part of response.body ?? [])
      seen.push({ at: systemClock.now(), text: Buffer.from(part).toString() });
    const first = seen.find(({ text }) => text.includes('first'))?.at ?? 0;
    const second = seen.find(({ text }) => text.includes('second'))?.at ?? 0;
    if (second - first < probeEventGapMs / 2) return buffered;
    return { subject, verdict: 'good', found: 'events come when they are sent' };
  } catch {
    return { ...buffered, found: 'an event stream does not come through' };
  }
}
