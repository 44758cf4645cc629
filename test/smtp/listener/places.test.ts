import t from 'tap';
import { type Occupant, Places } from '../../../src/smtp/listener/places.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function places(connectionsMax: number, perAddressMax = 100) {
  const clock = new ManualClock();
  const gone: string[] = [];
  const isManyClients = (host: string): boolean => host === '127.0.0.1' || host === '198.51.100.1';
  const all = new Places({ clock, connectionsMax, perAddressMax, isManyClients });
  const client = (name: string, remoteHost = '192.0.2.1'): Occupant & { hold: Occupant['hold'] } => ({
    remoteHost,
    hold: 'idle',
    makeRoom: () => void gone.push(name),
  });
  return { clock, gone, all, client };
}

void t.test('who has longest earned nothing makes room, after a minute', async (t) => {
  const { all, client, clock, gone } = places(2);
  const [first, second] = [client('first'), client('second')];
  t.strictSame([all.take(first), all.take(second), all.take(client('third'))], ['taken', 'taken', 'full']);
  await clock.advance(59_999);
  t.equal(all.take(client('third')), 'full');
  await clock.advance(1);
  all.earned(first);
  const third = client('third');
  t.equal(all.take(third), 'taken');
  t.strictSame(gone, ['second']);
  await clock.advance(60_000);
  all.leave(second); // its socket closes now
  t.equal(all.take(client('fourth')), 'taken');
  t.strictSame(gone, ['second', 'first']);
  all.earned(first); // what it was doing ended
  t.equal(all.take(client('fifth')), 'taken');
  t.strictSame(gone, ['second', 'first', 'third']);
});

void t.test(
  'those within a transaction make room after the idle ones, those who wait for us never',
  async (t) => {
    const { all, client, clock, gone } = places(3);
    const [answering, transaction, idle] = [client('answering'), client('transaction'), client('idle')];
    answering.hold = 'answering';
    transaction.hold = 'in-transaction';
    for (const each of [answering, transaction, idle]) all.take(each);
    await clock.advance(60_000);
    const next = Array.from({ length: 3 }, (_, n) => client(`new ${n}`));
    t.strictSame(
      next.map((each) => all.take(each)),
      ['taken', 'taken', 'full'],
    );
    t.strictSame(gone, ['idle', 'transaction']);
  },
);

void t.test(
  'one address has so many places, an IPv6 network of 64 bits too; balancers and loopback have no limit',
  (t) => {
    const { all, client } = places(1000, 2);
    for (const [hosts, isLimited] of [
      [['192.0.2.7', '::ffff:192.0.2.7', '192.0.2.7'], true],
      [['2001:db8::1', '2001:db8::2:1', '2001:db8::3'], true],
      [['2001:db8:0:1::1', '2001:db8:0:2::1', '2001:db8:0:3::1'], false],
      [['127.0.0.1', '127.0.0.1', '127.0.0.1'], false],
      [['198.51.100.1', '198.51.100.1', '198.51.100.1'], false],
    ] as const) {
      const clients = hosts.map((host) => client(host, host));
      const taken = clients.map((each) => all.take(each));
      t.strictSame(taken, ['taken', 'taken', isLimited ? 'address-full' : 'taken'], hosts[0]);
      if (!isLimited) continue;
      all.leave(clients[2]!); // it never had one
      t.equal(all.take(clients[2]!), 'address-full');
      all.leave(clients[0]!);
      all.leave(clients[0]!);
      t.equal(all.take(clients[2]!), 'taken');
      t.equal(all.take(clients[0]!), 'address-full');
    }
    t.end();
  },
);
