/** What one member has of a process over all its connections: places, messages begun, what handlers and streams hold. */
import t from 'tap';
import { Inflow } from '../../../src/cluster/bus/inflow.ts';
import { BUS_LIMITS, checkLimits } from '../../../src/cluster/bus/limits.ts';
import type { Outbox } from '../../../src/cluster/bus/outbox.ts';
import { Shares } from '../../../src/cluster/bus/shares.ts';

const LIMITS = {
  ...BUS_LIMITS,
  connectionCredit: 1000,
  frameOctetsMax: 64,
  memberBegunOctetsMax: 100,
  memberHeldCallOctetsMax: 100,
  memberHeldStreamOctetsMax: 100,
};

function inflow(shares: Shares, member: string) {
  const credit: number[] = [];
  const outbox = {
    control: (_: number, __: number, payload: Buffer) => credit.push(payload.readUInt32LE(0)),
  };
  const share = shares.enter(member);
  return { share, credit, inflow: new Inflow(LIMITS, outbox as unknown as Outbox, share) };
}

void t.test('credit is held back on every connection of a member, and given when there is room', (t) => {
  const shares = new Shares(LIMITS);
  const [a, b, c] = [inflow(shares, 'fe1'), inflow(shares, 'fe1'), inflow(shares, 'fe2')];
  a.inflow.held(60);
  b.inflow.received(300);
  t.same(b.credit, [300], 'below the limit');
  a.inflow.held(60);
  b.inflow.received(300);
  c.inflow.received(300);
  t.same(b.credit, [300], 'what a holds counts for b');
  t.same(c.credit, [300], 'and not for another member');
  a.inflow.held(-60);
  t.same(b.credit, [300, 300], 'b is told, though nothing comes on it');
  a.inflow.held(100);
  b.inflow.received(400);
  b.inflow.closed();
  a.inflow.held(-160);
  t.same(b.credit, [300, 300], 'a connection that is over is told nothing');
  t.end();
});

void t.test('messages begun and octets of streams are bounded together', (t) => {
  const shares = new Shares(LIMITS);
  const [a, b] = [inflow(shares, 'fe1'), inflow(shares, 'fe1')];
  t.equal(a.inflow.begun(60), undefined);
  t.match(b.inflow.begun(60), /of this member/);
  b.inflow.closed();
  t.equal(a.inflow.begun(40), undefined, 'what a connection had begun ends with it');
  t.equal(a.share.heldByStreams(100), true);
  t.equal(b.share.heldByStreams(1), false);
  t.equal(b.share.heldByStreams(-1), true);
  t.end();
});

void t.test('a member is forgotten when nothing is left of it', (t) => {
  const shares = new Shares(LIMITS);
  const { share, inflow: flow } = inflow(shares, 'fe1');
  flow.held(10);
  share.accepted++;
  t.equal(shares.accepted('fe1'), 1);
  share.left();
  t.equal(shares.size, 1, 'handlers go on without their connection');
  t.equal(shares.enter('fe1'), share, 'and count for who comes back');
  share.left();
  flow.held(-10);
  t.equal(shares.size, 0);
  t.equal(shares.accepted('fe1'), 0);
  t.end();
});

void t.test('limits of a member fit those of a connection', (t) => {
  t.equal(checkLimits(BUS_LIMITS), undefined);
  t.match(checkLimits({ ...BUS_LIMITS, memberBegunOctetsMax: 1 }), /memberBegunOctetsMax/);
  t.end();
});
