/** Log-ins over a cluster in memory: accounts under all their names, administrators, changes, and what is refused. */
import t from 'tap';
import { failureCode } from '../../src/lib/failure.ts';
import { administratorKey } from '../../src/login/authenticator.ts';
import { makeCredentials } from '../../src/login/credentials.ts';
import { slotOf } from '../../src/store/slots.ts';
import { from, LoginBed, ONE, PASSWORD, TWO } from './bed.ts';

void t.test('an account logs in under each of its names, with its present password only', async (t) => {
  const bed = await LoginBed.start();
  const { cluster, login } = bed;
  const as = await bed.run(login.verifyPassword('Joe@One.Example', PASSWORD, from()));
  t.match(as, { kind: 'account', login: 'joe@one.example', object: { domainId: 1, name: 'joe' } });
  await bed.run(cluster.names.setAliases(ONE, 'joe', ['jim']));
  t.equal(await bed.try('jim@one.example', PASSWORD), 'joe@one.example', 'by an alias, as its present name');
  await bed.run(cluster.names.renameAccount(ONE, 'joe', ONE, 'ann'));
  t.equal(await bed.try('ann@one.example', PASSWORD), 'ann@one.example');
  t.equal(await bed.try('joe@one.example', PASSWORD), 'refused', 'its old name');
  await bed.run(login.setPassword(ONE, 'ann', 'second'));
  t.equal(await bed.try('ann@one.example', PASSWORD), 'refused', 'remembered log-ins end with the password');
  t.equal(await bed.try('ann@one.example', 'second'), 'ann@one.example');
  await bed.run(login.setPasswordOf(as.object!, 'third'));
  t.equal(await bed.try('ann@one.example', 'third'), 'ann@one.example', 'whatever it is called by now');
  await bed.run(cluster.names.deleteAccount(ONE, 'ann'));
  t.equal(await bed.try('ann@one.example', 'third'), 'refused');
});

void t.test('what was verified or refused a moment ago is not hashed again', async (t) => {
  const bed = await LoginBed.start();
  const cases: readonly (readonly [string, string, string, number])[] = [
    ['joe@one.example', PASSWORD, 'joe@one.example', 1],
    ['joe@one.example', PASSWORD, 'joe@one.example', 0],
    ['joe@one.example', 'wrong', 'refused', 1],
    ['joe@one.example', 'wrong', 'refused', 0],
    ['joe@one.example', 'wrong too', 'refused', 1],
    ['ghost@one.example', 'wrong', 'refused', 1],
    ['ghost@one.example', 'wrong', 'refused', 0],
    ['postmaster', 'wrong', 'refused', 1],
    ['joe@one.example', '', 'refused', 0],
    ['joe@one.example', 'x'.repeat(2000), 'refused', 0],
    ['joe@one.example', 'a\u0000b', 'refused', 0],
  ];
  for (const [name, password, expected, hashes] of cases) {
    bed.hasher.hashed = 0;
    t.equal(await bed.try(name, password), expected, `${name} ${password.slice(0, 9)}`);
    t.equal(bed.hasher.hashed, hashes, 'hashed');
  }
});

void t.test('a wrong password that becomes right is not remembered as wrong', async (t) => {
  const bed = await LoginBed.start();
  t.equal(await bed.try('joe@one.example', 'later right'), 'refused');
  await bed.run(bed.login.setPassword(ONE, 'joe', 'later right'));
  t.equal(await bed.try('joe@one.example', 'later right'), 'joe@one.example');
});

void t.test('a name without a domain is an administrator of the cluster', async (t) => {
  const bed = await LoginBed.start();
  const { settings } = bed.cluster;
  const set = async (password: string) =>
    settings.setValue(
      administratorKey('postmaster'),
      await makeCredentials(bed.hasher, bed.random, password),
    );
  await set('master');
  const as = await bed.run(bed.login.verifyPassword('Postmaster', 'master', from()));
  t.strictSame(as, { kind: 'administrator', login: 'postmaster', object: undefined });
  t.equal(await bed.try('joe', PASSWORD), 'refused', 'an account is no administrator');
  t.equal(await bed.try('not a name', 'master'), 'refused');
  await set('other');
  t.equal(await bed.try('postmaster', 'master'), 'refused');
  t.equal(await bed.try('postmaster', 'other'), 'postmaster');
});

void t.test(
  'at the address of a domain a name without one is an account of it, else an administrator',
  async (t) => {
    const domainByAddress = (host: string) => (host === '192.0.2.80' ? 'two.example' : undefined);
    const bed = await LoginBed.start({ domainByAddress, names: ['postmaster'] });
    await bed.create('joe', 'joe of two', TWO);
    const { settings } = bed.cluster;
    settings.setValue(
      administratorKey('postmaster'),
      await makeCredentials(bed.hasher, bed.random, 'master'),
    );
    const there = from('127.0.0.1', '192.0.2.80');
    t.equal(await bed.try('joe', 'joe of two', there), 'joe@two.example');
    t.equal(await bed.try('joe', PASSWORD, there), 'refused', 'not the joe of another domain');
    t.equal(await bed.try('joe', 'joe of two'), 'refused', 'not at another address');
    t.equal(
      await bed.try('joe@one.example', PASSWORD, there),
      'joe@one.example',
      'a whole name is what it says',
    );
    t.equal(await bed.try('postmaster', 'master', there), 'postmaster');
    await bed.create('postmaster', 'of the domain', TWO);
    t.equal(await bed.try('postmaster', 'of the domain', there), 'postmaster@two.example');
    t.equal(await bed.try('postmaster', 'master', there), 'refused', 'an account of this name comes first');
    t.equal(await bed.try('postmaster', 'master'), 'postmaster');
  },
);

void t.test('a name of a domain that is not ours, and what is no name, take the same way', async (t) => {
  const strangers = ['joe@elsewhere.example', 'ann@elsewhere.example', 'a b@one.example', '@', 'joe@'];
  const bed = await LoginBed.start({ strangers });
  const salts = new Set<string>();
  for (const name of strangers) {
    bed.hasher.hashed = 0;
    t.strictSame(await bed.timed(name, 'a guess'), { outcome: 'refused', tookMs: 500 }, name);
    t.equal(bed.hasher.hashed, 1, 'hashed');
    salts.add((await bed.run(bed.login.beginScram(name, from()))).salt.toString('hex'));
  }
  t.equal(salts.size, strangers.length, 'each has a salt of its own');
});

void t.test('an account without a password lets nobody in', async (t) => {
  const bed = await LoginBed.start();
  await bed.run(bed.cluster.names.createAccount(ONE, 'ann', new Map()));
  t.equal(await bed.try('ann@one.example', PASSWORD), 'refused');
});

void t.test('a password set is there for the next owner', async (t) => {
  const bed = await LoginBed.start();
  const { cluster, login } = bed;
  await bed.run(login.setPassword(ONE, 'joe', 'second'));
  cluster.kill(cluster.owner(slotOf(ONE, 'joe'))!);
  const { handlers } = cluster.owner(slotOf(ONE, 'joe'))!;
  t.ok(handlers.has('directory.verify'));
  t.equal(await bed.try('joe@one.example', 'second'), 'joe@one.example');
  t.equal(await bed.try('joe@one.example', PASSWORD), 'refused');
});

void t.test('a refusal takes the same time whether the account is there, cold, or not', async (t) => {
  const { cluster, login } = await LoginBed.start();
  const owner = cluster.owner(slotOf(ONE, 'joe'))!;
  const { before } = owner.fs;
  // Reading a cold account takes a while; a name that leads nowhere reads nothing.
  owner.fs.before = async (call, path) => {
    await before?.(call, path);
    if (path.includes('/joe')) await cluster.clock.sleep(40);
  };
  const took: number[] = [];
  for (const who of ['joe@one.example', 'ghost@one.example', 'postmaster']) {
    const startMs = cluster.clock.monotonicMs();
    let endMs = 0;
    const refused = login
      .verifyPassword(who, 'wrong', { ...from(), timeoutMs: 5000 })
      .catch((error: unknown) => {
        endMs = cluster.clock.monotonicMs();
        return failureCode(error);
      });
    t.equal(await cluster.until(refused), 'refused');
    took.push(endMs - startMs);
  }
  t.strictSame(took, [500, 500, 500]);
});
