/** The largest message that may be accepted reaches the owner of its account: a bus call has a limit of its own. */
import t from 'tap';
import { encodeBody } from '../../src/cluster/bus/body.ts';
import { BUS_LIMITS } from '../../src/cluster/bus/limits.ts';
import { createBudget } from '../../src/lib/budget.ts';
import { checkSettings, defaultSettings, SETTINGS } from '../../src/settings/settings.ts';
import { Content } from '../../src/smtp/content.ts';
import { traceFields } from '../../src/smtp/trace.ts';
import { isReply } from '../../src/smtp/types.ts';
import type { DomainId } from '../../src/store/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

void t.test('MaxMessageSize has no value whose message would be too large for the bus', (t) => {
  const { MaxMessageSize, IMAPLiteralMax } = SETTINGS;
  t.equal(MaxMessageSize.type.read('61M'), undefined);
  const octetsMax = MaxMessageSize.type.read('60M') ?? 0;
  t.equal(octetsMax, 60 * 2 ** 20);
  const object = { domainId: 1 as DomainId, name: 'n'.repeat(255), serial: '1-1' };
  const address = `${'l'.repeat(64)}@${'d'.repeat(255)}`;
  const fields = traceFields({
    envelope: {
      reversePath: address,
      body: '8BITMIME',
      smtpUtf8: false,
      ret: undefined,
      envid: undefined,
      auth: undefined,
    },
    recipient: {
      forwardPath: address,
      object,
      dsn: { notify: undefined, orcpt: { type: 'rfc822', address: 'o'.repeat(500) } },
    },
    helo: 'h'.repeat(255),
    remoteHost: '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
    tls: undefined,
    by: 'b'.repeat(253),
    with: 'UTF8SMTPSA',
    id: '0123456789abcdef-10000',
    atMs: 0,
  });
  // As it is received: blocks that double up to a mebibyte.
  const options = {
    messageOctetsMax: octetsMax,
    budget: createBudget(octetsMax * 2),
    clock: new ManualClock(),
  };
  const content = new Content(options, 'BINARYMIME');
  const piece = Buffer.alloc(2 ** 20, '\r\n');
  for (let octets = 0; octets < octetsMax; octets += piece.length) content.add(piece);
  const message = content.end();
  if (isReply(message)) throw new Error(message.text);
  const parts = [Buffer.from(fields), ...message.parts];
  const transaction = { incarnation: 'b'.repeat(32), number: Number.MAX_SAFE_INTEGER, lowestOpen: 1 };
  const body = encodeBody({ object, parts, transaction });
  t.ok(body.length > octetsMax && body.length < BUS_LIMITS.callOctetsMax, `${body.length} octets`);
  const { MaxMessageSize: byDefault } = defaultSettings();
  // Gmail sends up to 35,882,577 octets.
  t.ok(byDefault > 35_882_577 && byDefault <= IMAPLiteralMax.default);
  t.strictSame(checkSettings(defaultSettings()), []);
  t.end();
});
