/** The mark of a member that was made Not-Ready: that it is there is what counts. */
import fc from 'fast-check';
import t from 'tap';
import { encodeNotReady, notReadyKey, notReadyOf } from '../../src/cluster/not-ready.ts';

function read(value: Buffer | undefined) {
  return notReadyOf({ value: (key) => (key === notReadyKey('fe1') ? value : undefined) }, 'fe1');
}

void t.test('what is written is read', (t) => {
  const notReady = { since: '2026-11-20T12:00:00.000Z', by: 'postmaster' };
  t.strictSame(read(encodeNotReady(notReady)), notReady);
  t.equal(read(undefined), undefined);
  t.equal(notReadyOf({ value: () => undefined }, 'fe2'), undefined);
  const long = read(encodeNotReady({ since: '', by: 'x'.repeat(1000) }));
  t.equal(long?.by.length, 128);
  t.end();
});

void t.test('anything else means the same, and says nothing', (t) => {
  for (const text of ['', 'yes', 'null', '7', '[]', '{"since":7,"by":{}}', '{"since":'])
    t.strictSame(read(Buffer.from(text)), { since: '', by: '' }, text);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => read(Buffer.from(octets)) !== undefined),
    { numRuns: 300 },
  );
  t.end();
});
