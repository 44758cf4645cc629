/** SCRAM through the cluster: the keys stay at the owner, and nothing says who exists. */
import { pbkdf2Sync } from 'node:crypto';
import t from 'tap';
import { administratorKey } from '../../src/login/authenticator.ts';
import { makeCredentials } from '../../src/login/credentials.ts';
import { DECOY_KEY, Decoys } from '../../src/login/decoys.ts';
import { slotOf } from '../../src/store/slots.ts';
import { ScramClient } from '../sasl/bed.ts';
import { codeOf, from, LoginBed, ONE, PASSWORD } from './bed.ts';
import { CheapHasher } from './hasher.fake.ts';

/** As a client derives its keys, so must the owner. */
class RealKeys extends CheapHasher {
  override async pbkdf2(password: Buffer, salt: Buffer, iterations: number): Promise<Buffer> {
    return pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  }
}

/** One exchange, as the mechanism would have it. */
async function scram(bed: LoginBed, login: string, password: string, attempt = from()): Promise<string> {
  const client = new ScramClient({ user: login, password });
  try {
    const begun = await bed.run(bed.login.beginScram(login, attempt));
    const { authMessage, proof, check } = prove(client, begun.salt, begun.iterations);
    const { who, serverSignature } = await bed.run(begun.verify(authMessage, proof));
    check(`v=${serverSignature.toString('base64')}`);
    return client.serverIsGenuine ? who.login : 'not genuine';
  } catch (error) {
    return codeOf(error);
  }
}

function prove(client: ScramClient, salt: Buffer, iterations: number) {
  const serverFirst = `r=fyko+d2lbbFgONRv9qkxdawLserver,s=${salt.toString('base64')},i=${iterations}`;
  const final = client.final(serverFirst);
  const at = final.lastIndexOf(',p=');
  const authMessage = `${client.first.slice('n,,'.length)},${serverFirst},${final.slice(0, at)}`;
  return { authMessage, proof: Buffer.from(final.slice(at + 3), 'base64'), check: client.check };
}

void t.test('an account, its aliases, an administrator; a wrong password, nobody', async (t) => {
  const bed = await LoginBed.start({ hasher: new RealKeys() });
  const { names, settings } = bed.cluster;
  await bed.run(names.setAliases(ONE, 'joe', ['jim']));
  settings.setValue(administratorKey('postmaster'), await makeCredentials(bed.hasher, bed.random, 'master'));
  t.equal(await scram(bed, 'joe@one.example', PASSWORD), 'joe@one.example');
  t.equal(await scram(bed, 'jim@one.example', PASSWORD), 'joe@one.example');
  t.equal(await scram(bed, 'postmaster', 'master'), 'postmaster');
  t.equal(await scram(bed, 'joe@one.example', 'wrong'), 'refused');
  t.equal(await scram(bed, 'ghost@one.example', PASSWORD), 'refused');
  t.equal(await scram(bed, 'postmaster', 'wrong'), 'refused');
  t.equal(await scram(bed, 'no administrator', 'master'), 'refused');
});

void t.test('a password that was changed after the salt was given is not the old one any more', async (t) => {
  const bed = await LoginBed.start({ hasher: new RealKeys() });
  const begun = await bed.run(bed.login.beginScram('joe@one.example', from()));
  const { authMessage, proof } = prove(
    new ScramClient({ user: 'joe@one.example', password: PASSWORD }),
    begun.salt,
    begun.iterations,
  );
  await bed.run(bed.login.setPassword(ONE, 'joe', 'second'));
  t.equal(await bed.run(begun.verify(authMessage, proof)).catch(codeOf), 'refused');
});

void t.test(
  'a name that leads nowhere has a salt that stays the same: everywhere, and after restarts',
  async (t) => {
    const bed = await LoginBed.start();
    const saltOf = async (login: string) =>
      (await bed.run(bed.login.beginScram(login, from()))).salt.toString('hex');
    const first = await saltOf('ghost@one.example');
    t.equal(first.length, 32, 'as long as a real one');
    t.equal(await saltOf('Ghost@One.Example'), first, 'however it is written');
    t.not(await saltOf('ann@one.example'), first);
    bed.cluster.kill(bed.cluster.owner(slotOf(ONE, 'ghost'))!);
    t.equal(await saltOf('ghost@one.example'), first, 'at the next owner');
    t.equal((await bed.newDecoys().salt('1/ghost')).toString('hex'), first, 'in another process');
    t.not(await saltOf('postmaster'), await saltOf('root'));
    t.equal(await saltOf('joe@one.example'), await saltOf('joe@one.example'));
  },
);

void t.test('an account that has no keys of SCRAM looks like a name that leads nowhere', async (t) => {
  const bed = await LoginBed.start();
  const saltOf = async () =>
    (await bed.run(bed.login.beginScram('ann@one.example', from()))).salt.toString('hex');
  const before = await saltOf();
  await bed.run(bed.cluster.names.createAccount(ONE, 'ann', new Map()));
  t.equal(await saltOf(), before);
});

void t.test('the salt takes the same time whether the account is there, cold, or not', async (t) => {
  const bed = await LoginBed.start();
  const { clock } = bed.cluster;
  const owner = bed.cluster.owner(slotOf(ONE, 'joe'))!;
  const { before } = owner.fs;
  owner.fs.before = async (call, path) => {
    await before?.(call, path);
    if (path.includes('/joe')) await clock.sleep(40);
  };
  const took: number[] = [];
  for (const who of ['joe@one.example', 'ghost@one.example', 'postmaster']) {
    const startMs = clock.monotonicMs();
    await bed.run(bed.login.beginScram(who, from()).then(() => took.push(clock.monotonicMs() - startMs)));
  }
  t.strictSame(took, [50, 50, 50]);
});

void t.test('the key of decoys is made once, and without it nobody gets a salt', async (t) => {
  const values = new Map<string, Buffer>();
  let proposals = 0;
  let isDown = true;
  const decoys = () =>
    new Decoys({
      settings: { value: (key) => values.get(key) },
      changeSettings: async (change) => {
        const { key, value, request } = change as { key: string; value: Buffer; request: string };
        proposals++;
        await Promise.resolve();
        if (isDown) throw new Error('no controller');
        t.equal(request, key, 'one request for ever: the settings do it once');
        if (!values.has(key)) values.set(key, value);
        return null;
      },
      random: { bytes: (octets) => Buffer.alloc(octets, proposals), below: () => 0 },
    });
  const [one, other] = [decoys(), decoys()];
  await t.rejects(one.salt('1/ghost'), { code: 'unavailable' });
  isDown = false;
  const salts = await Promise.all([one.salt('1/ghost'), one.salt('1/ghost'), other.salt('1/ghost')]);
  t.same(salts[0], salts[1]);
  t.same(salts[0], salts[2], 'two members propose, one key comes of it');
  t.equal(proposals, 3, 'the one that failed, and one for each member');
  t.ok(values.has(DECOY_KEY));
});
