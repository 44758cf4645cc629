/** What a member that is well says of itself, to be changed by a test: a supervisor's report, a worker's renewal. */
import type { Renewal, Report, WorkerInfo } from '../../src/cluster/messages.ts';
import type { Incarnation } from '../../src/store/ids.ts';

export const AT = { host: '127.0.0.1', port: 1 };

export function incarnation(letter: string): Incarnation {
  return letter.repeat(32) as Incarnation;
}

/** Of a frontend, as it holds nothing. */
export function worker(letter: string, more: Partial<WorkerInfo> = {}): WorkerInfo {
  return { incarnation: incarnation(letter), address: AT, pid: 1, life: undefined, holds: false, ...more };
}

export function report(member: string, more: Partial<Report> = {}): Report {
  return {
    controlEpoch: 1,
    quote: 1,
    member,
    role: 'backend',
    incarnation: incarnation('a'),
    seq: 1,
    address: AT,
    ready: true,
    draining: false,
    settingsVersion: 5,
    workers: [],
    dead: [],
    ...more,
  };
}

export function renewal(member: string, more: Partial<Renewal> = {}): Renewal {
  return {
    controlEpoch: 1,
    quote: 1,
    member,
    supervisor: AT,
    worker: worker('a'),
    seq: 1,
    ack: 0,
    ready: true,
    draining: false,
    settingsVersion: 5,
    nonce: '',
    probeAgeMs: undefined,
    stalled: false,
    count: 0,
    digest: 0,
    released: [],
    returned: [],
    pairs: undefined,
    largerEpoch: undefined,
    ...more,
  };
}
