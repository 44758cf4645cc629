/** swaks (apt: swaks, with libnet-ssleay-perl for TLS) as a mail program's and as another server's client. */
import t from 'tap';
import { run, without } from '../imap/programs.ts';
import { PASSWORD } from '../sasl/bed.ts';
import { startBed, testTls } from '../smtp/bed.ts';
import { withoutTrace } from '../smtp/play.ts';

const skip = await without('swaks libnet-ssleay-perl', 'swaks', '--version');

interface Run {
  readonly status: number;
  /** What it says of the dialogue: ` -> ` and ` ~> ` (inside TLS) is sent, `<- ` and `<~ ` received. */
  readonly output: string;
}

async function swaks(port: number, ...options: readonly string[]): Promise<Run> {
  const server = ['--server', '127.0.0.1', '--port', String(port)];
  const envelope = ['--helo', 'c.example', '--from', 'joe@lab.example', '--to', 'ann@lab.example'];
  const { status, stdout, stderr } = await run('swaks', [...server, ...envelope, ...options]);
  return { status, output: stdout + stderr };
}

void t.test('as another server: in the clear, pipelined, with STARTTLS', { skip }, async (t) => {
  const tls = await testTls();
  const { listener, intake } = await startBed(t, { tls, messageOctetsMax: 100_000 });
  const { port } = listener.address;
  for (const options of [[], ['--pipeline'], ['--tls'], ['--tls', '--pipeline']] as const) {
    const { status, output } = await swaks(port, ...options, '--body', '.a dot\n..two');
    t.equal(status, 0, output);
  }
  t.equal(intake.delivered.length, 4);
  for (const { content } of intake.delivered)
    t.match(withoutTrace(content), /\r\n\r\n\.a dot\r\n\.\.two\r\n/);
  t.match(
    intake.delivered.map(({ content }) => / with (\S+) id/.exec(content)?.[1]),
    ['ESMTP', 'ESMTP', 'ESMTPS', 'ESMTPS'],
  );
});

void t.test('as a mail program: AUTH PLAIN and LOGIN behind STARTTLS and inside TLS', { skip }, async (t) => {
  const tls = await testTls();
  const options = { protocol: 'submission', hasLogin: true, tls, messageOctetsMax: 100_000 } as const;
  const [starttls, implicit] = [
    await startBed(t, options),
    await startBed(t, { ...options, isImplicitTls: true }),
  ];
  for (const mechanism of ['PLAIN', 'LOGIN'])
    for (const [bed, how] of [
      [starttls, '--tls'],
      [implicit, '--tls-on-connect'],
    ] as const) {
      const login = ['--auth', mechanism, '--auth-user', 'joe', '--auth-password'];
      const { port } = bed.listener.address;
      const sent = await swaks(port, how, ...login, PASSWORD);
      t.equal(sent.status, 0, sent.output);
      const wrong = await swaks(port, how, ...login, 'wrong');
      t.match(wrong.output, /<~\* 535 5\.7\.8 /, `${mechanism} ${how}`);
      t.not(wrong.status, 0);
    }
  t.match(await swaks(starttls.listener.address.port, '--tls'), { output: /<~\* 530 5\.7\.0 / });
  for (const { intake } of [starttls, implicit]) {
    t.equal(intake.delivered.length, 2);
    t.match(intake.delivered[0]!.content, / with ESMTPSA id /);
  }
});

void t.test('as a relay that speaks LMTP', { skip }, async (t) => {
  const { listener, intake } = await startBed(t, { protocol: 'lmtp', messageOctetsMax: 100_000 });
  const { status, output } = await swaks(
    listener.address.port,
    '--protocol',
    'LMTP',
    '--to',
    'ann@lab.example,joe@lab.example',
  );
  t.equal(status, 0, output);
  t.equal(intake.delivered.length, 2);
});
