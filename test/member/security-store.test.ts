/** Changes of the security files: one after another, durable before they are used, and nothing that could not be used. */
import t from 'tap';
import { MemberSecurity, type SecurityFiles } from '../../src/cluster/security/member-security.ts';
import { securityStore } from '../../src/member/security-store.ts';
import { TestCluster } from '../cluster/security/support.ts';

void t.test('one after another, each made of what the one before left', async (t) => {
  const cluster = await TestCluster.make();
  const security = new MemberSecurity(await cluster.files('fe1', 'frontend'));
  const next = await cluster.files('fe1', 'frontend');
  const writes: (() => void)[] = [];
  const events: string[] = [];
  const store = securityStore({
    security,
    write: (files) => {
      events.push(`write ${files.revoked.join()} ${files.key === next.key}`);
      return new Promise<void>((resolve) => writes.push(resolve));
    },
    told: (files) => events.push(`told ${files.revoked.join()} ${files.key === next.key}`),
  });
  const first = store((now) => ({ ...now, revoked: ['1'] }));
  const second = store((now) => ({ ...now, certificate: next.certificate, key: next.key }));
  while (writes.length < 1) await Promise.resolve();
  for (let i = 0; i < 20; i++) await Promise.resolve();
  t.same(events, ['write 1 false'], 'the second waits');
  t.same(security.files.revoked, [], 'nothing is used before it is durable');
  writes[0]!();
  await first;
  while (writes.length < 2) await Promise.resolve();
  writes[1]!();
  await second;
  t.same(
    events,
    ['write 1 false', 'told 1 false', 'write 1 true', 'told 1 true'],
    'what the first left is kept',
  );
});

void t.test('what could not be used is not written, and what failed holds up nothing', async (t) => {
  const cluster = await TestCluster.make();
  const security = new MemberSecurity(await cluster.files('fe1', 'frontend'));
  const other = await cluster.files('be1', 'backend');
  const written: SecurityFiles[] = [];
  let isFull = true;
  const store = securityStore({
    security,
    write: async (files) => {
      if (isFull) throw new Error('ENOSPC');
      written.push(files);
    },
    told: () => undefined,
  });
  await t.rejects(
    store((now) => ({ ...now, certificate: other.certificate, key: other.key })),
    { code: 'invalid' },
  );
  await t.rejects(
    store((now) => ({ ...now, revoked: ['1'] })),
    /ENOSPC/,
  );
  t.same(security.files.revoked, []);
  isFull = false;
  await store((now) => ({ ...now, revoked: ['2'] }));
  t.same(
    written.map(({ revoked }) => revoked),
    [['2']],
  );
});
