/** Log-ins over a cluster in memory: accounts under all their names, administrators, changes, and what is refused. */
import t from 'tap';
import { administratorKey, ClusterAuthenticator } from '../../src/directory/authenticator.ts';
import { makeCredentials } from '../../src/directory/credentials.ts';
import { serveLogins } from '../../src/directory/login-service.ts';
import { RememberedLogins } from '../../src/directory/remembered.ts';
import { failureCode } from '../../src/lib/failure.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { slotOf } from '../../src/store/slots.ts';
import { Prng } from '../support/prng.ts';
import { TestCluster } from './cluster.ts';
import { CheapHasher } from './hasher.fake.ts';

const ONE = 1 as DomainId;
const NAMES = ['joe', 'jim', 'ann', 'ghost'];

async function build() {
  const slots = [...NAMES.map((name) => slotOf(ONE, name)), slotOf(0 as DomainId, 'nobody')];
  const cluster = new TestCluster(slots);
  const hasher = new CheapHasher();
  const random = new Prng(3);
  for (const { host, handlers } of cluster.workers) {
    const bus = { serve: (service: string, handler: never) => void handlers.set(service, handler) };
    serveLogins({ bus, host, hasher, random, remembered: new RememberedLogins(random) });
  }
  const { names, settings } = cluster;
  const remembered = new RememberedLogins(random);
  const router = cluster.router(undefined);
  const login = new ClusterAuthenticator({ names, router, settings, hasher, random, remembered });
  const run = <T>(work: Promise<T>) => cluster.until(work);
  const tryLogin = (name: string, password: string) =>
    run(
      login.verifyPassword(name, password, 1000).then(
        (as) => as.login,
        (error: unknown) => failureCode(error) ?? String(error),
      ),
    );
  const initial = new Map([['credentials', await login.makeCredentials('first')]]);
  const object = await run(names.createAccount(ONE, 'joe', initial));
  return { cluster, hasher, login, run, tryLogin, object, random };
}

void t.test('an account logs in under each of its names, with its present password only', async (t) => {
  const { cluster, login, run, tryLogin, object } = await build();
  const as = await run(login.verifyPassword('Joe@One.Example', 'first', 1000));
  t.strictSame(as, { kind: 'account', login: 'joe@one.example', object });
  await run(cluster.names.setAliases(ONE, 'joe', ['jim']));
  t.equal(await tryLogin('jim@one.example', 'first'), 'joe@one.example', 'by an alias, as its present name');
  await run(cluster.names.renameAccount(ONE, 'joe', ONE, 'ann'));
  t.equal(await tryLogin('ann@one.example', 'first'), 'ann@one.example');
  t.equal(await tryLogin('joe@one.example', 'first'), 'refused', 'its old name');
  await run(login.setPassword(ONE, 'ann', 'second'));
  t.equal(await tryLogin('ann@one.example', 'first'), 'refused', 'remembered log-ins end with the password');
  t.equal(await tryLogin('ann@one.example', 'second'), 'ann@one.example');
  await run(cluster.names.deleteAccount(ONE, 'ann'));
  t.equal(await tryLogin('ann@one.example', 'second'), 'refused');
});

void t.test('a verified log-in is not hashed again; a wrong or unknown one is, once each', async (t) => {
  const { hasher, tryLogin } = await build();
  const cases: readonly (readonly [string, string, string, number])[] = [
    ['joe@one.example', 'first', 'joe@one.example', 1],
    ['joe@one.example', 'first', 'joe@one.example', 0],
    ['joe@one.example', 'wrong', 'refused', 1],
    ['ghost@one.example', 'wrong', 'refused', 1],
    ['joe@elsewhere.example', 'wrong', 'refused', 1],
    ['postmaster', 'wrong', 'refused', 1],
    ['joe@one.example', '', 'refused', 0],
    ['joe@one.example', 'x'.repeat(2000), 'refused', 0],
    ['joe@one.example', 'a\u0000b', 'refused', 0],
  ];
  for (const [name, password, expected, hashes] of cases) {
    hasher.hashed = 0;
    t.equal(await tryLogin(name, password), expected, `${name} ${password.slice(0, 9)}`);
    t.equal(hasher.hashed, hashes, 'hashed');
  }
});

void t.test('a name without a domain is an administrator of the cluster', async (t) => {
  const { cluster, hasher, login, run, tryLogin, random } = await build();
  cluster.settings.setValue(administratorKey('postmaster'), await makeCredentials(hasher, random, 'master'));
  const as = await run(login.verifyPassword('Postmaster', 'master', 1000));
  t.strictSame(as, { kind: 'administrator', login: 'postmaster', object: undefined });
  t.equal(await tryLogin('joe', 'first'), 'refused', 'an account is no administrator');
  cluster.settings.setValue(administratorKey('postmaster'), await makeCredentials(hasher, random, 'other'));
  t.equal(await tryLogin('postmaster', 'master'), 'refused');
  t.equal(await tryLogin('postmaster', 'other'), 'postmaster');
});

void t.test('an account without a password lets nobody in', async (t) => {
  const { cluster, run, tryLogin } = await build();
  await run(cluster.names.createAccount(ONE, 'ann', new Map()));
  t.equal(await tryLogin('ann@one.example', 'first'), 'refused');
});

void t.test('a password set is there for the next owner', async (t) => {
  const { cluster, login, run, tryLogin } = await build();
  await run(login.setPassword(ONE, 'joe', 'second'));
  cluster.kill(cluster.owner(slotOf(ONE, 'joe'))!);
  const { handlers } = cluster.owner(slotOf(ONE, 'joe'))!;
  t.ok(handlers.has('directory.verify'));
  t.equal(await tryLogin('joe@one.example', 'second'), 'joe@one.example');
  t.equal(await tryLogin('joe@one.example', 'first'), 'refused');
});

void t.test('a refusal takes the same time whether the account is there, cold, or not', async (t) => {
  const { cluster, login } = await build();
  const owner = cluster.owner(slotOf(ONE, 'joe'))!;
  const { before } = owner.fs;
  // Reading a cold account takes a while; a name that leads nowhere reads nothing.
  owner.fs.before = async (call, path) => {
    await before?.(call, path);
    if (path.includes('/joe')) await cluster.clock.sleep(40);
  };
  const took: number[] = [];
  for (const who of ['joe@one.example', 'ghost@one.example', 'joe@elsewhere.example', 'postmaster']) {
    const startMs = cluster.clock.monotonicMs();
    let endMs = 0;
    const refused = login.verifyPassword(who, 'wrong', 5000).catch((error: unknown) => {
      endMs = cluster.clock.monotonicMs();
      return failureCode(error);
    });
    t.equal(await cluster.until(refused), 'refused');
    took.push(endMs - startMs);
  }
  t.strictSame(took, [500, 500, 500, 500]);
});
