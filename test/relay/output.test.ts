import t from 'tap';
import { FLUSH_OCTETS, Output } from '../../src/relay/output.ts';

void t.test('nothing leaves before the gate has opened', async (t) => {
  const gate = Promise.withResolvers<void>();
  const output = new Output(
    () => gate.promise,
    async () => undefined,
  );
  output.line('+OK');
  let isOut = false;
  const last = output.last().finally(() => (isOut = true));
  await new Promise((resolve) => void setImmediate(resolve));
  t.notOk(isOut);
  gate.resolve();
  t.equal((await last).toString(), '+OK\r\n');
  const shut = new Output(
    () => Promise.reject(new Error('lease gone')),
    async () => void t.fail('sent'),
  );
  shut.bytes(Buffer.alloc(FLUSH_OCTETS));
  await t.rejects(shut.flushIfLarge(1), { message: 'lease gone' });
});

void t.test('whatever the client has is skipped, to the octet', async (t) => {
  for (let skip = 0; skip <= 12; skip++) {
    const output = new Output(
      async () => undefined,
      async () => undefined,
      skip,
    );
    output.line('abcd');
    output.bytes(Buffer.from(''));
    output.bytes(Buffer.from('efgh'));
    t.equal(output.position, 10);
    t.equal((await output.last()).toString(), 'abcd\r\nefgh'.slice(skip), `skip ${skip}`);
  }
});

void t.test('a long answer is sent when enough has come together', async (t) => {
  const sent: (readonly [octets: number, progress: number])[] = [];
  const output = new Output(
    async () => undefined,
    async (bytes, progress) => void sent.push([bytes.length, progress]),
  );
  output.bytes(Buffer.alloc(FLUSH_OCTETS - 1));
  await output.flushIfLarge(1);
  t.same(sent, []);
  output.bytes(Buffer.alloc(1));
  await output.flushIfLarge(2);
  t.same(sent, [[FLUSH_OCTETS, 2]]);
  t.equal((await output.last()).length, 0);
});
