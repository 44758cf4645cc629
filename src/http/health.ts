/**
 * `/health`, for balancers: open to everybody, so it says one word. 200 as long as clients should come here: when the
 * controller or the storage is gone for everybody this member is `degraded` and stays, as nobody else serves better;
 * 503 when it is this member that is not ready, is cut off, or stops.
 */
import type { Standing } from '../cluster/types.ts';

export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly word: 'ready' | 'degraded' | 'not ready';
}

const ANSWERS: Readonly<Record<Standing, HealthAnswer>> = {
  ready: { status: 200, word: 'ready' },
  degraded: { status: 200, word: 'degraded' },
  'not-ready': { status: 503, word: 'not ready' },
};

export function healthAnswer(standing: Standing): HealthAnswer {
  return ANSWERS[standing];
}

/** Whether an Accept field (RFC 9110 section 12.5.1) prefers JSON; text when it says nothing of either. */
export function prefersJson(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const ranges = accept
    .slice(0, ACCEPT_LENGTH_MAX)
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      const q = parameters.find((each) => each.startsWith('q='))?.slice(2);
      return { type, q: q === undefined ? 1 : Number(q) };
    });
  const quality = (type: string): number => {
    const [main] = type.split('/');
    // The most specific range counts.
    for (const range of [type, `${main}/*`, '*/*']) {
      const found = ranges.find((each) => each.type === range);
      if (found !== undefined) return Number.isFinite(found.q) ? found.q : 0;
    }
    return 0;
  };
  return quality('application/json') > quality('text/plain');
}

/** What is behind it is not looked at. */
const ACCEPT_LENGTH_MAX = 1024;
