/** What `doctor --server` finds at an address: how a server is, or what answers there instead. */
import type { Health } from '@holdfast/protocol';
import { systemClock } from '../platform/system-clock.ts';
import type { Diagnosis } from './diagnoses.ts';
import { safeText } from './format-text.ts';
import { whyNoAnswer } from './no-answer.ts';

const answerMs = 5_000;
/** Of a foreign answer, to be recognised by. */
const shownCharsMax = 120;

/** What a running server says of itself. */
export async function checkServer(url: string, signal: AbortSignal): Promise<Diagnosis[]> {
  let response: Response;
  let body: string;
  try {
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
    response = await fetch(new URL('health', url.endsWith('/') ? url : `${url}/`), { signal: timeout });
    body = await response.text();
  } catch (error) {
    const found = `${url} does not answer: ${whyNoAnswer(error, url)}`;
    return [bad(found, 'start it with `holdfast serve`, or check the address')];
  }
  const place = response.redirected ? `${url} leads to ${response.url}, which` : url;
  const health = healthIn(body);
  if (health === null) {
    const words = safeText(body.replace(/\s+/g, ' ')).slice(0, shownCharsMax);
    const found = `${place} answers ${response.status}, but not as Holdfast: ${words === '' ? '(nothing)' : words}`;
    return [bad(found, 'check the address with its port and path (basePath), and that a proxy hands on /health')];
  }
  const checks = health.checks.map(
    ({ name, status, detail }): Diagnosis => ({
      subject: `server ${name}`,
      verdict: status === 'ok' ? 'good' : 'warning',
      found: detail,
    }),
  );
  return [own(url, health), ...moved(url, response), ...checks, ...clockSkew(response.headers.get('date'))];
}

function bad(found: string, advice: string): Diagnosis {
  return { subject: 'server', verdict: 'bad', found, advice };
}

function healthIn(body: string): Health | null {
  try {
    const { status, version, checks } = JSON.parse(body) as Partial<Health>;
    if (status === undefined || version === undefined || !Array.isArray(checks)) return null;
    return { status, version, checks };
  } catch {
    return null;
  }
}

function own(url: string, { status, version }: Health): Diagnosis {
  const verdict = status === 'failing' ? 'bad' : status === 'ok' ? 'good' : 'warning';
  return { subject: 'server', verdict, found: `${url}: version ${version}, ${status}` };
}

/** A browser follows, and sends neither bodies nor credentials along; the other clients do not follow at all. */
function moved(url: string, { redirected, url: to }: Response): Diagnosis[] {
  if (!redirected) return [];
  const found = `${url} leads to ${to.replace(/\/health$/, '')}`;
  return [
    {
      subject: 'server address',
      verdict: 'warning',
      found,
      advice: 'give clients that address: uploads do not follow',
    },
  ];
}

function clockSkew(date: string | null): Diagnosis[] {
  if (date === null) return [];
  const seconds = Math.round(Math.abs(systemClock.now() - Date.parse(date)) / 1000);
  if (seconds <= 5)
    return [{ subject: 'clock', verdict: 'good', found: 'the server and this machine agree on the time' }];
  return [
    {
      subject: 'clock',
      verdict: 'warning',
      found: `the server and this machine differ by ${seconds} s`,
      advice: 'set both by NTP: expiry and leases go by the clock',
    },
  ];
}
