/** Framing: transcripts with every cut, the limits, and staying in step after every refusal. */
import t from 'tap';
import type { Framed, FramingLimits, Want } from '../../../src/imap/codec/framing.ts';
import { Framer } from '../../../src/imap/codec/framing.ts';
import { AUTHENTICATED_LIMITS, UNAUTHENTICATED_LIMITS } from '../../../src/imap/limits.ts';
import { createBudget } from '../../../src/lib/budget.ts';
import { seeded } from '../../mime/seeded.ts';

const SMALL: FramingLimits = {
  lineOctetsMax: 70,
  literalOctetsMax: 10,
  appendOctetsMax: 20,
  messageVerbs: new Set(['APPEND']),
  literalsMax: 3,
  discardOctetsMax: 200,
};

/** What comes out, one word an event, when the input is given in these chunks. */
function play(chunks: readonly Buffer[], limits: FramingLimits, want: Want = 'command'): string[] {
  const framer = new Framer(limits);
  const events: string[] = [];
  for (const chunk of chunks) {
    // The receive buffer is used again for the next chunk: nothing of it may be kept.
    const receive = Buffer.from(chunk);
    framer.push(receive);
    for (let framed = framer.next(want); framed.kind !== 'more'; framed = framer.next(want)) {
      events.push(describe(framed));
      if (framed.kind === 'fatal') return events;
    }
    receive.fill(0x58);
  }
  return events;
}

function describe(framed: Framed): string {
  switch (framed.kind) {
    case 'command':
    case 'line':
      return `${framed.kind} ${framed.octets.toString('latin1')}`;
    case 'bad':
      return `bad ${framed.tag} ${framed.status} ${framed.code}${framed.why}`;
    case 'fatal':
      return `fatal ${framed.why}`;
    default:
      return framed.kind;
  }
}

const TRANSCRIPTS: readonly {
  readonly name: string;
  readonly input: string;
  readonly events: readonly string[];
  readonly want?: Want;
}[] = [
  {
    name: 'RFC 9051 section 2.2: all interactions are in the form of lines, that is, strings that end with a CRLF',
    input: 'a NOOP\r\nb NOOP\r\n',
    events: ['command a NOOP', 'command b NOOP'],
  },
  {
    name: 'RFC 9051 section 4.3: a synchronising literal waits for the continuation request',
    input: 'a LOGIN {2}\r\nme {3}\r\npw!\r\nb NOOP\r\n',
    events: ['continue', 'continue', 'command a LOGIN {2}\r\nme {3}\r\npw!', 'command b NOOP'],
  },
  {
    name: 'RFC 7888 section 3: the non-synchronising form does not wait',
    input: 'a LOGIN {2+}\r\nme {0+}\r\n\r\n',
    events: ['command a LOGIN {2+}\r\nme {0+}\r\n'],
  },
  {
    name: 'RFC 9051 section 4.3: literals hold any octets, line ends and things that look like literals too',
    input: 'a LOGIN {8+}\r\nx{9}\r\n\r\n {1+}\r\ny\r\n',
    events: ['command a LOGIN {8+}\r\nx{9}\r\n\r\n {1+}\r\ny'],
  },
  {
    name: 'RFC 3516 section 4.4: literal8 is framed like a literal',
    input: 'a APPEND x ~{3+}\r\n\0\0\0\r\n',
    events: ['command a APPEND x ~{3+}\r\n\0\0\0'],
  },
  {
    name: 'RFC 9051 section 4.3: after a refused synchronising literal the client sends a new command',
    input: 'a LOGIN {11}\r\nb NOOP\r\n',
    events: ['bad a NO [LIMIT] literal too large', 'command b NOOP'],
  },
  {
    name: 'RFC 7888 section 4: a refused non-synchronising literal and the rest of its command are dropped',
    input: 'a LOGIN {11+}\r\n123456789\r\n {3+}\r\nb X rest\r\nc NOOP\r\n',
    events: ['bad a NO [LIMIT] literal too large', 'command c NOOP'],
  },
  {
    name: 'a dropped command ends where it would wait for a continuation',
    input: 'a LOGIN {11+}\r\n123456789\r\n {3}\r\nc NOOP\r\n',
    events: ['bad a NO [LIMIT] literal too large', 'command c NOOP'],
  },
  {
    name: 'APPEND has a limit of its own, RFC 7889 section 4: TOOBIG',
    input: 'a APPEND x {20+}\r\n12345678901234567890\r\nb append x {21}\r\nc NOOP\r\n',
    events: [
      'command a APPEND x {20+}\r\n12345678901234567890',
      'bad b NO [TOOBIG] message too large',
      'command c NOOP',
    ],
  },
  {
    name: 'the number of literals has a limit',
    input: 'a X {1+}\r\n1 {1+}\r\n2 {1+}\r\n3 {1+}\r\n4 tail\r\nb NOOP\r\n',
    events: ['bad a BAD [LIMIT] too many literals in one command', 'command b NOOP'],
  },
  {
    name: 'a line that is too long is dropped to its end',
    input: `a NOOP ${'x'.repeat(100)}\r\nb NOOP\r\n`,
    events: ['bad a BAD [LIMIT] command line too long', 'command b NOOP'],
  },
  {
    name: 'all lines of a command count together',
    input: `a X ${'x'.repeat(30)} {1+}\r\n1${'y'.repeat(40)}\r\nb NOOP\r\n`,
    events: ['bad a BAD [LIMIT] command line too long', 'command b NOOP'],
  },
  {
    name: 'a line that is too long may still announce a literal that comes',
    input: `a NOOP ${'x'.repeat(100)} {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n`,
    events: ['bad a BAD [LIMIT] command line too long', 'command c NOOP'],
  },
  {
    name: 'RFC 9051 section 2.2: a bare LF is no line end, and costs one answer',
    input: 'a NOOP\nb NOOP\r\n\nc NOOP\r\n',
    events: [
      'bad a BAD a line must end with CRLF',
      'command b NOOP',
      'bad undefined BAD a line must end with CRLF',
      'command c NOOP',
    ],
  },
  {
    name: 'a refused literal beyond what is dropped ends the connection',
    input: `a X {500+}\r\n${'x'.repeat(500)}`,
    events: ['fatal too much input refused'],
  },
  {
    name: 'a literal too large to count ends the connection',
    input: 'a X {99999999999999999999+}\r\n',
    events: ['fatal literal too large'],
  },
  {
    name: 'a synchronising one of that size is only refused',
    input: 'a X {99999999999999999999}\r\nb NOOP\r\n',
    events: ['bad a NO [LIMIT] literal too large', 'command b NOOP'],
  },
  {
    name: 'a line without end ends the connection',
    input: 'a '.repeat(200),
    events: ['fatal too much input refused'],
  },
  {
    name: 'no tag to answer with: long and odd beginnings',
    input: `${'x'.repeat(75)}\r\n(a NOOP\n+ NOOP\nb NOOP\r\n`,
    events: [
      'bad undefined BAD [LIMIT] command line too long',
      'bad undefined BAD a line must end with CRLF',
      'bad undefined BAD a line must end with CRLF',
      'command b NOOP',
    ],
  },
  {
    name: 'RFC 9051 section 6.2.2: bare lines know no literals and no tags',
    want: 'line',
    input: 'AGEAcHc= {3}\r\nDONE\r\nDONE\n',
    events: ['line AGEAcHc= {3}', 'line DONE', 'bad undefined BAD a line must end with CRLF'],
  },
];

for (const { name, input, events, want } of TRANSCRIPTS)
  void t.test(name, async (t) => {
    const octets = Buffer.from(input, 'latin1');
    for (let cut = 0; cut <= octets.length; cut++) {
      const seen = play([octets.subarray(0, cut), octets.subarray(cut)], SMALL, want);
      if (JSON.stringify(seen) !== JSON.stringify(events)) t.same(seen, events, `cut at ${cut}`);
    }
    const single = Array.from(octets, (octet) => Buffer.from([octet]));
    t.same(play(single, SMALL, want), events, 'octet by octet');
  });

void t.test('the largest message arrives octet-exact and is not held twice', async (t) => {
  const framer = new Framer(AUTHENTICATED_LIMITS);
  const message = Buffer.alloc(3_000_000, 'abc\r\n');
  framer.push(Buffer.from(`a APPEND INBOX {${message.length}+}\r\n`));
  const seen: Framed[] = [];
  for (let from = 0; from < message.length; from += 65_536) {
    framer.push(message.subarray(from, from + 65_536));
    seen.push(framer.next());
    t.equal(framer.bufferedOctets, 0, 'taken at once');
    t.ok(seen.pop()?.kind === 'more');
  }
  framer.push(Buffer.from('\r\n'));
  const framed = framer.next();
  t.equal(framed.kind, 'command');
  if (framed.kind === 'command') t.ok(framed.octets.subarray(-message.length).equals(message));
});

void t.test('limits can be raised after LOGIN', async (t) => {
  const framer = new Framer(UNAUTHENTICATED_LIMITS);
  framer.push(Buffer.from('a APPEND x {5}\r\n'));
  t.match(framer.next(), { kind: 'bad', tag: 'a', code: '[TOOBIG] ' });
  framer.limits = AUTHENTICATED_LIMITS;
  framer.push(Buffer.from('b APPEND x {5}\r\n'));
  t.match(framer.next(), { kind: 'continue' });
  t.match(framer.next(), { kind: 'more' }, 'said once');
});

void t.test('pipelined input is measured until it is used', async (t) => {
  const framer = new Framer(SMALL);
  framer.push(Buffer.from('a NOOP\r\nb NOOP\r\n'));
  t.equal(framer.bufferedOctets, 16);
  framer.next();
  t.equal(framer.bufferedOctets, 8);
});

void t.test('fuzz: whatever comes, the cuts change nothing and every command is answered once', async (t) => {
  const seed = 20260903;
  const random = seeded(seed);
  const dictionary = [
    'a ',
    'APPEND ',
    '{3}',
    '{3+}',
    '{12+}',
    '~{2+}',
    '\r\n',
    '\n',
    '\r',
    'x',
    ' ',
    '{',
    '}',
    '+',
  ];
  for (let run = 0; run < 400; run++) {
    const input = Buffer.from(
      Array.from({ length: 1 + random.below(20) }, () => dictionary[random.below(dictionary.length)]).join(
        '',
      ),
    );
    const whole = play([input], SMALL);
    const cut = random.below(input.length + 1);
    const parts = play([input.subarray(0, cut), input.subarray(cut)], SMALL);
    if (JSON.stringify(parts) !== JSON.stringify(whole))
      t.same(parts, whole, `seed ${seed} run ${run} ${input.toString()}`);
  }
  t.pass(`seed ${seed}`);
});

void t.test(
  'what all connections hold together is bounded, and given back when a command was dealt with',
  async (t) => {
    const budget = createBudget(200_000);
    const limits = { ...AUTHENTICATED_LIMITS, budget };
    const [one, two] = [new Framer(limits), new Framer(limits)];
    const append = Buffer.from(`a APPEND INBOX {150000+}\r\n${'x'.repeat(150_000)}\r\n`);
    one.push(Buffer.from('z APPEND INBOX {150000}\r\n'));
    t.equal(one.next().kind, 'continue');
    t.equal(budget.takenOctets, 0, 'what is only announced holds nothing');
    one.push(Buffer.from(`${'x'.repeat(150_000)}\r\n`));
    t.equal(one.next().kind, 'command');
    t.equal(budget.takenOctets, 150_000, 'no more than comes');
    t.equal(one.next().kind, 'more');
    one.push(append.subarray(0, 1000));
    t.equal(one.next().kind, 'more');
    two.push(append);
    t.match(two.next(), { kind: 'bad', tag: 'a', status: 'NO', code: '[LIMIT] ' });
    two.push(Buffer.from(`b APPEND INBOX {150000}\r\n`));
    t.match(two.next(), { kind: 'bad', tag: 'b', status: 'NO' });
    two.push(Buffer.from(`c CREATE {3+}\r\nabc\r\n`));
    t.equal(two.next().kind, 'command', 'small ones are not counted');
    one.push(append.subarray(1000));
    t.equal(one.next().kind, 'command');
    t.equal(budget.take(100_000), false, 'held while the command is dealt with');
    t.equal(one.next().kind, 'more');
    t.equal(budget.take(200_000), true);
    budget.give(200_000);
    one.push(append.subarray(0, 1000));
    one.next();
    one.end();
    t.equal(budget.take(200_000), true, 'and when the connection ends in the middle');
  },
);

void t.test(
  'a literal that finds no room half way is refused at its end, and what it held is given back',
  async (t) => {
    const budget = createBudget(1_000_000);
    const framer = new Framer({ ...AUTHENTICATED_LIMITS, budget });
    framer.push(Buffer.from('a APPEND INBOX {900000}\r\n'));
    t.equal(framer.next().kind, 'continue');
    framer.push(Buffer.alloc(300_000, 'x'));
    t.equal(framer.next().kind, 'more');
    t.ok(budget.takenOctets >= 300_000 && budget.takenOctets <= 600_000, 'in steps');
    budget.take(budget.octetsMax - budget.takenOctets); // others
    const others = budget.takenOctets;
    framer.push(Buffer.alloc(600_000, 'x'));
    t.equal(framer.next().kind, 'more');
    t.ok(budget.takenOctets < others, 'given back at once');
    framer.push(Buffer.from('\r\nb NOOP\r\n'));
    t.match(framer.next(), { kind: 'bad', tag: 'a', status: 'NO', code: '[LIMIT] ' });
    t.match(framer.next(), { kind: 'command', octets: Buffer.from('b NOOP') });
  },
);
