/** Invitations as one word: back and forth, cut anywhere, changed anywhere. */
import t from 'tap';
import { formatToken, parseToken, SECRET_OCTETS } from '../../../src/cluster/security/token.ts';
import { Prng } from '../../support/prng.ts';
import { CLUSTER_ID, TestCluster } from './support.ts';

void t.test('there and back; not whole, not accepted', async (t) => {
  const seed = 11;
  const random = new Prng(seed);
  const { authority } = await TestCluster.make();
  const token = {
    at: { host: '2001:db8::7', port: 7601 },
    clusterId: CLUSTER_ID,
    id: '0123456789abcdef',
    secret: random.bytes(SECRET_OCTETS),
    authorities: [authority.certificate],
  };
  const word = formatToken(token);
  t.match(word, /^postern-1-[\w-]+$/, 'one word that no shell takes apart');
  t.same(parseToken(` ${word}\n`), token);
  for (let cut = 0; cut < word.length; cut += 7)
    t.throws(() => parseToken(word.slice(0, cut)), { code: 'invalid' }, `cut at ${cut}`);
  const from = 'postern-1-'.length;
  for (let run = 0; run < 200; run++) {
    // The last letters of base64 may hold bits of nothing: those in front never do.
    const at = from + random.below(word.length - from - 8);
    const letter = word[at] === 'A' ? 'B' : 'A';
    const changed = word.slice(0, at) + letter + word.slice(at + 1);
    t.throws(() => parseToken(changed), { code: 'invalid' }, `seed ${seed}, ${at}: ${letter}`);
  }
  for (const wrong of [
    { ...token, secret: token.secret.subarray(1) },
    { ...token, authorities: [] },
    { ...token, at: { host: '', port: 1 } },
    { ...token, at: { host: 'x', port: 70_000 } },
  ])
    t.throws(() => parseToken(formatToken(wrong)), { code: 'invalid' });
});
