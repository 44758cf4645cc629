import * as fc from 'fast-check';
import t from 'tap';
import { inspectHeader } from '../../../src/smtp/codec/header.ts';

void t.test('RFC 5322 section 2.2: fields that matter, in any case, up to the blank line', (t) => {
  const cases: readonly (readonly [string, object])[] = [
    ['', { octets: 0, receivedFields: 0, hasDate: false, hasMessageId: false }],
    ['\r\nDate: x\r\n', { octets: 2, hasDate: false }],
    ['\nDate: x\n', { octets: 1, hasDate: false }],
    [
      'Date: x\r\nMESSAGE-ID : y\r\n\r\nReceived: z',
      { octets: 27, hasDate: true, hasMessageId: true, receivedFields: 0 },
    ],
    ['received:\r\n x\r\nReceived: y\nRECEIVED\t:\r\n', { octets: 39, receivedFields: 3 }],
    ['Received-SPF: x\r\nX-Received: y\r\n Received: z\r\nReceive', { octets: 53, receivedFields: 0 }],
    ['Dates: x\r\nDate\r\nUpdate: y\r\n', { hasDate: false }],
  ];
  for (const [text, facts] of cases) t.match(inspectHeader(Buffer.from(text)), facts, JSON.stringify(text));
  t.end();
});

void t.test('fuzz: never more octets than there are', (t) => {
  const piece = fc.constantFrom('\r', '\n', '\r\n', 'Received', ':', ' ', 'Date:', 'd', '\0');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (parts) => {
      const content = Buffer.from(parts.join(''));
      const { octets } = inspectHeader(content);
      return octets >= 0 && octets <= content.length;
    }),
    { numRuns: 500, seed: 6 },
  );
  t.end();
});
