import { randomBytes } from 'node:crypto';
import t from 'tap';
import { IDENTITIES_MAX, TlsContexts } from '../../../src/platform/real/tls-contexts.ts';
import { makeIdentity } from '../../support/certificates.ts';

const made = await makeIdentity();
const plain = { minVersion: 'TLSv1.2', ticketKeys: undefined, clientAuthorities: undefined } as const;

void t.test('made once for the same certificate and terms, anew for others', (t) => {
  const contexts = new TlsContexts();
  const identity = { chain: made.chain, key: made.key };
  const keys = randomBytes(48);
  const of = (terms: Partial<Parameters<TlsContexts['server']>[1]>, whose = identity) =>
    contexts.server(whose, { ...plain, ...terms });
  const first = of({});
  t.equal(of({}), first);
  t.not(of({ minVersion: 'TLSv1.3' }), first);
  t.equal(of({}), first, 'both least versions are kept');
  t.not(of({}, { ...identity }), first, 'equal is not the same');
  const keyed = of({ ticketKeys: keys });
  t.not(keyed, first);
  t.equal(of({ ticketKeys: Buffer.from(keys) }), keyed, 'the same octets are the same keys');
  t.not(of({ ticketKeys: randomBytes(48) }), keyed);
  const mutual = of({ clientAuthorities: [made.pem] });
  t.equal(of({ clientAuthorities: [Buffer.from(made.pem).toString()] }), mutual);
  t.not(of({ clientAuthorities: [] }), mutual, 'no authority is not nobody asked for');
  t.not(of({ clientAuthorities: [made.pem, made.pem] }), mutual);
  t.throws(() => of({}, { chain: made.chain, key: 'nonsense' }));
  t.throws(() => of({ ticketKeys: randomBytes(47) }));

  const authorities = [made.pem];
  const client = contexts.client(undefined, { minVersion: 'TLSv1.3', authorities });
  t.equal(contexts.client(undefined, { minVersion: 'TLSv1.3', authorities: [...authorities] }), client);
  t.not(contexts.client(identity, { minVersion: 'TLSv1.3', authorities }), client);
  t.end();
});

void t.test('as many as are in use are kept, and no more', (t) => {
  const contexts = new TlsContexts();
  const context = (identity: { chain: string; key: string }) => contexts.server(identity, plain).context;
  const [used, idle] = [{ ...made }, { ...made }];
  const [ofUsed, ofIdle] = [context(used), context(idle)];
  const others = Array.from({ length: IDENTITIES_MAX + 10 }, () => ({ ...made }));
  for (const [index, other] of others.entries()) {
    context(other);
    if (index % 100 === 0) t.equal(context(used), ofUsed);
  }
  t.not(context(idle), ofIdle);
  t.end();
});
