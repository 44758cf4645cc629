/** Everybody who may be needed at once is asked now and then, few at a time, whoever is there or not. */
import t from 'tap';
import { Service } from '../../../src/cluster/messages.ts';
import type { MemberNews } from '../../../src/cluster/news.ts';
import {
  ASK_EVERY_MS,
  ASKED_AT_ONCE,
  everybody,
  type Peer,
  successors,
  WarmConnections,
} from '../../../src/cluster/view/warm.ts';
import { Failure } from '../../../src/lib/failure.ts';
import type { Address } from '../../../src/platform/platform.ts';

const HEARTBEAT_MS = 150;
const self = address(0);

function address(index: number): Address {
  return { host: '10.0.0.1', port: 7600 + index };
}

function member(index: number, given: Partial<MemberNews> = {}): MemberNews {
  return {
    name: `m${index}`,
    role: 'backend',
    state: 'ready',
    address: address(10 * index),
    info: [
      { incarnation: `w${index}`, address: address(10 * index + 1), pid: 1, life: undefined, holds: true },
    ],
    ...given,
  } as unknown as MemberNews;
}

function warm(peers: readonly Peer[]) {
  const asked: [port: number, service: string, body: unknown][] = [];
  const bus = {
    self: { address: self },
    call: (to: Address, service: string, body: unknown) => {
      asked.push([to.port, service, body]);
      return Promise.reject(new Failure('unavailable', 'nobody is there'));
    },
  } as unknown as ConstructorParameters<typeof WarmConnections>[0];
  return { asked, connections: new WarmConnections(bus, HEARTBEAT_MS, () => peers) };
}

void t.test('few at each Heartbeat, each of them again after a while, ourselves never', (t) => {
  const peers = Array.from(
    { length: 3 * ASKED_AT_ONCE },
    (_, index): Peer => ({ to: address(index), service: Service.ask }),
  );
  const { asked, connections } = warm(peers);
  for (let tick = 0; tick < 3; tick++) {
    connections.tick(tick * HEARTBEAT_MS);
    t.equal(asked.length, Math.min((tick + 1) * ASKED_AT_ONCE, peers.length - 1));
  }
  const ports = asked.map(([port]) => port);
  t.same(new Set(ports), new Set(peers.slice(1).map(({ to }) => to.port)), 'everybody but ourselves, once');
  connections.tick(ASK_EVERY_MS - 1);
  t.equal(asked.length, ports.length, 'not before its time');
  connections.tick(ASK_EVERY_MS);
  t.same(
    asked.slice(ports.length).map(([port]) => port),
    ports.slice(0, ASKED_AT_ONCE),
    'those who were not asked for longest',
  );
  t.end();
});

void t.test('who may have control next, and whom a controller needs', (t) => {
  const members = [
    member(1),
    member(2, { role: 'frontend' }),
    member(3, { state: 'gone' }),
    member(4, { role: 'symmetric' }),
  ];
  const ports = (peers: readonly Peer[]) => peers.map(({ to, service }) => [to.port, service]);
  t.same(ports(successors(members)), [
    [7610, Service.ask],
    [7640, Service.ask],
  ]);
  t.same(ports(everybody(members)), [
    [7610, Service.ask],
    [7611, Service.workerPing],
    [7620, Service.ask],
    [7621, Service.workerPing],
    [7640, Service.ask],
    [7641, Service.workerPing],
  ]);
  t.end();
});

void t.test('a question that is none of a candidate', (t) => {
  const { asked, connections } = warm([
    { to: address(1), service: Service.ask },
    { to: address(2), service: Service.workerPing },
  ]);
  connections.tick(0);
  t.same(asked, [
    [7601, Service.ask, { controlEpoch: 0 }],
    [7602, Service.workerPing, null],
  ]);
  t.end();
});
