/** Envelopes that are kept: whose they are, and that their number has an end. */
import t from 'tap';
import { ENTRY_OCTETS, Envelopes } from '../../../src/imap/fetch/envelopes.ts';

const account = () => ({ gone: new AbortController().signal });

void t.test('each account, opened once more too, and each way of writing has its own', async (t) => {
  const envelopes = new Envelopes();
  const [one, two] = [account(), account()];
  envelopes.of(one, false).set('M1', '(one)');
  t.equal(envelopes.of(one, false).get('M1'), '(one)');
  t.equal(envelopes.of(one, true).get('M1'), undefined);
  t.equal(envelopes.of(two, false).get('M1'), undefined);
  t.equal(envelopes.of(one, false).get('M2'), undefined);
});

void t.test('what is asked for stays, the rest is forgotten, of all accounts together', async (t) => {
  const entry = ENTRY_OCTETS + 10;
  const envelopes = new Envelopes(20 * entry);
  const [one, two] = [envelopes.of(account(), false), envelopes.of(account(), false)];
  const text = '0123456789';
  for (const id of ['used', 'unused']) one.set(id, text);
  for (let number = 0; number < 100; number++) {
    two.set(`M${number}`, text);
    t.equal(one.get('used'), text);
  }
  t.equal(one.get('unused'), undefined);
  const kept = Array.from({ length: 100 }, (_, number) => number).filter((number) => two.get(`M${number}`));
  t.ok(kept.length <= 20 && kept.length >= 9, `${kept.length} of 20`);
  t.ok(kept.includes(99) && !kept.includes(0), 'the latest');
});
