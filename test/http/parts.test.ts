/** The pure parts: Basic, Accept, HTML, the report, the page. */
import * as fc from 'fast-check';
import t from 'tap';
import type { MemberStatus } from '../../src/cluster/types.ts';
import { readBasic } from '../../src/http/basic.ts';
import { prefersJson } from '../../src/http/health.ts';
import { escapeHtml, html } from '../../src/http/html.ts';
import { statusPage } from '../../src/http/page.ts';
import { statusReport } from '../../src/http/report.ts';
import { type Incarnation, SLOTS, type Slot } from '../../src/store/ids.ts';
import { REPORT } from './bed.ts';

const token = (text: string | Buffer): string => `Basic ${Buffer.from(text).toString('base64')}`;

const BASIC: readonly (readonly [
  field: string | undefined,
  expected: readonly [string, string] | undefined,
])[] = [
  // RFC 7617 section 2: the example of the RFC.
  ['Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', ['Aladdin', 'open sesame']],
  // Section 2.1: with charset UTF-8.
  ['Basic dGVzdDoxMjPCow==', ['test', '123£']],
  // RFC 9110 section 11.1: the scheme is matched in any case.
  ['bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ==', ['Aladdin', 'open sesame']],
  [token('a:b:c'), ['a', 'b:c']],
  [token('a:'), ['a', '']],
  [undefined, undefined],
  ['', undefined],
  ['Basic', undefined],
  ['Basic ', undefined],
  ['Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==', undefined],
  ['Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== x', undefined],
  ['Basic a', undefined],
  [token('nocolon'), undefined],
  [token(':password'), undefined],
  [token('a\0b:c'), undefined],
  [token('a:b\r\nc'), undefined],
  [token(Buffer.from([0xff, 0x3a, 0x61])), undefined],
  [token(`${'a'.repeat(5000)}:b`), undefined],
];

void t.test('Basic', (t) => {
  for (const [field, expected] of BASIC) {
    const read = readBasic(field);
    t.strictSame(read && [read.login, read.password], expected, String(field));
  }
  fc.assert(
    fc.property(fc.string(), fc.string(), (login, password) => {
      const read = readBasic(token(`${login}:${password}`));
      if (read !== undefined) t.strictSame([`${read.login}:${read.password}`], [`${login}:${password}`]);
    }),
    { numRuns: 200 },
  );
  t.end();
});

const ACCEPT: readonly (readonly [field: string | undefined, json: boolean])[] = [
  [undefined, false],
  ['*/*', false],
  ['application/json', true],
  ['text/plain, application/json', false],
  ['text/plain;q=0.5, application/json', true],
  ['application/*', true],
  ['application/json;q=0', false],
  ['text/html, application/json;q=0.9, */*;q=0.8', true],
  ['APPLICATION/JSON', true],
  [';;;,,,q=', false],
  ['application/json;q=nonsense', false],
];

void t.test('Accept (RFC 9110 section 12.5.1)', (t) => {
  for (const [field, json] of ACCEPT) t.equal(prefersJson(field), json, String(field));
  t.end();
});

void t.test('HTML: what is put in is text', (t) => {
  t.equal(
    html`<b title="${'"><script>'}">${'a & b'}</b>`.text,
    '<b title="&#34;&#62;&#60;script&#62;">a &#38; b</b>',
  );
  t.equal(html`${[html`<i>${1}</i>`, html`<i>${2}</i>`]}${undefined}`.text, '<i>1</i><i>2</i>');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
      t.notMatch(escapeHtml(text), /[<>"'`\u0000-\u0008\u007f]|&(?!#\d+;)/);
    }),
    { numRuns: 200 },
  );
  t.end();
});

const EVIL = '"><script>alert(1)</script>';

void t.test('the page escapes whatever a member says', (t) => {
  const [member] = REPORT.members;
  const [worker] = member?.workers ?? [];
  const page = statusPage({
    ...REPORT,
    cluster: EVIL,
    member: EVIL,
    version: EVIL,
    controller: { member: EVIL, address: EVIL, controlEpoch: 1 },
    members: [
      {
        ...member!,
        name: EVIL,
        version: EVIL,
        address: EVIL,
        refusal: EVIL,
        workers: [{ ...worker!, refusal: `${EVIL}2` }],
      },
    ],
    certificates: [{ owner: EVIL, names: [EVIL], endsAt: EVIL, days: -1 }],
  });
  t.notMatch(page, /<script/i);
  t.notMatch(page, / style=/, 'the policy would not allow it');
  t.match(page, /&#60;script&#62;/);
  t.end();
});

void t.test('the page says what is wrong and what to do', (t) => {
  const [member] = REPORT.members;
  const page = (more: Partial<typeof REPORT>): string => statusPage({ ...REPORT, ...more });
  t.notMatch(page({}), /Stand for nothing|Certificates that end|class="warn"/);
  t.match(page({ controller: null }), /No controller is heard/);
  t.match(page({ current: false }), /did not answer just now/);
  t.match(page({ standing: 'degraded' }), /degraded/);
  t.match(page({ slots: { total: 4096, owned: 4000 } }), /4000 of 4096[^]*accounts of the others wait/);
  t.match(
    page({
      members: [{ ...member!, state: 'not-ready', refusal: '/x is not mounted or was never initialised' }],
    }),
    /Stand for nothing[^]*not mounted[^]*Mount the shared storage/,
  );
  t.match(page({ members: [{ ...member!, draining: true }] }), /draining/);
  const notReady = { since: '2026-01-01T00:00:00.000Z', by: 'joe <script>' };
  t.match(
    page({ members: [{ ...member!, draining: true, notReady }] }),
    /made not ready by joe &#60;script&#62; at 2026[^<]*: 4096 slots and 12 connections left/,
  );
  t.match(page({ members: [{ ...member!, notReady, connections: null }] }), /: 4096 slots left/);
  t.notMatch(page({}), /Feature level/, 'of no interest while there is one');
  t.match(page({ members: [{ ...member!, level: 1 }] }), /Feature level of the cluster: 0; .*be1 1/);
  t.match(page({ level: 1 }), /Feature level of the cluster: 1/);
  t.match(
    page({ certificates: [{ owner: 'a.example', names: ['a.example'], endsAt: 'x', days: 2 }] }),
    /a\.example[^]*2 days left[^]*bin\/postern certificate/,
  );
  t.match(page({}), /1 d 2 h/, '93784 s');
  t.match(page({}), /1234\/s<.*25 %</, 'operations and processor');
  t.match(page({}), /<b>7<\/b>.*be1, worker 42.*1200\/s.*97 %/, 'the busiest slot');
  t.notMatch(page({}), /move the trouble/);
  t.match(page({}), /on the move: 5\. Moved so far: 3 as .*, 2 away .*, 4 away .*, 1 by operators/);
  const worker = { ...member!.workers[0]!, load: { ...member!.workers[0]!.load!, wholeLoad: 7 } };
  t.match(page({ members: [{ ...member!, workers: [worker] }] }), /move the trouble/);
  const quiet = { ...worker, load: null };
  const old = page({ moves: null, members: [{ ...member!, workers: [quiet] }] });
  t.notMatch(old, /Busiest slots|on the move/, 'of an earlier version nothing is known');
  t.end();
});

void t.test('the report', (t) => {
  const status: MemberStatus = {
    name: 'be2',
    role: 'backend',
    state: 'ready',
    address: { host: '::1', port: 1 },
    isController: false,
    draining: false,
    controlEpoch: 1,
    version: '1',
    uptimeMs: 1999,
    refusal: undefined,
    level: 1,
    notReady: { since: 'x', by: 'y' },
    slots: 3,
    workers: [
      {
        incarnation: 'b'.repeat(32) as Incarnation,
        address: { host: '10.0.0.1', port: 2 },
        pid: 3,
        ready: true,
        slots: 3,
        storageMs: undefined,
        refusal: 'x',
        connections: 4,
        load: {
          weight: 100,
          processor: 0.91234,
          operations: 10.4,
          hottest: [9, 1, 0.3, 0.1].map((operations, i) => ({ slot: i as Slot, operations })),
        },
      },
    ],
  };
  const owner = { incarnation: status.workers[0]!.incarnation, address: status.address, member: 'be2' };
  const report = statusReport({
    nowMs: 0,
    cluster: 'c',
    member: 'be1',
    version: '1',
    standing: 'ready',
    current: true,
    certificates: [],
    node: {
      status: () => [status, { ...status, name: 'be1' }],
      controller: () => undefined,
      map: {
        version: 5,
        owner: (slot) => (slot < 3 ? owner : undefined),
        owners: () => [owner],
        newer: () => Promise.resolve(),
      },
      settings: {
        version: 6,
        domain: () => undefined,
        domainById: () => undefined,
        domains: () => [],
        value: () => undefined,
        onChange: () => () => undefined,
      },
      moves: () => undefined,
    },
  });
  t.match(report, {
    at: '1970-01-01T00:00:00.000Z',
    controller: null,
    slots: { owned: 3, total: SLOTS },
    settingsVersion: 6,
    mapVersion: 5,
  });
  t.strictSame(
    report.members.map(({ name }) => name),
    ['be1', 'be2'],
    'in order',
  );
  t.match(report.members[0], {
    address: '[::1]:1',
    uptimeSeconds: 1,
    refusal: null,
    notReady: { since: 'x', by: 'y' },
    connections: 4,
    level: 1,
    workers: [{ address: '10.0.0.1:2', storageMs: null, refusal: 'x', connections: 4 }],
  });
  t.equal(report.moves, null, 'a controller of an earlier version does not tell');
  t.strictSame(
    report.members[0]?.workers[0]?.load,
    {
      weight: 100,
      processor: 0.912,
      operationsPerSecond: 10,
      hottest: [
        { slot: 0, operationsPerSecond: 9 },
        { slot: 1, operationsPerSecond: 1 },
        { slot: 2, operationsPerSecond: 0 },
      ],
      wholeLoad: 0,
    },
    'rounded, and only the first of its slots',
  );
  t.strictSame(JSON.parse(JSON.stringify(report)), report, 'plain values');
  t.end();
});
