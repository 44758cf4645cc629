/** The table of rights: every service that a process registers is in it, and what is not in it nobody may ask. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Service } from '../../../src/cluster/messages.ts';
import { RIGHTS, refuseAnswerer, refuseAsker } from '../../../src/cluster/security/rights.ts';
import type { MemberIdentity } from '../../../src/cluster/security/types.ts';
import type { Role } from '../../../src/cluster/types.ts';
import { CLUSTER_ID } from './support.ts';

const who = (member: string, role: Role): MemberIdentity => ({
  clusterId: CLUSTER_ID,
  member,
  role,
  serial: '1',
});
const SELF = who('be1', 'backend');
const BE2 = who('be2', 'backend');
const SYM = who('sy1', 'symmetric');
const FE = who('fe1', 'frontend');

void t.test('every service in the sources is in the table, and the table has no others', async (t) => {
  const found = await registered();
  // Should this ever find few, it has stopped seeing how services are registered.
  t.ok(found.size > 25, `${found.size} services`);
  for (const [service, file] of found) t.ok(RIGHTS.has(service), `${service} (${file})`);
  for (const service of RIGHTS.keys()) t.ok(found.has(service), `${service} is registered somewhere`);
});

void t.test('what is not in the table is refused to everybody', async (t) => {
  for (const service of ['', 'cluster.', 'cluster.everything', '@for', 'toString', '__proto__'])
    for (const asker of [SELF, BE2, FE]) {
      t.type(refuseAsker(service, asker, SELF), 'string', service);
      t.type(refuseAnswerer(service, asker, SELF), 'string', service);
    }
});

void t.test('a frontend has no right of a backend, neither to ask nor to answer', async (t) => {
  const asked = [...RIGHTS]
    .filter(([service]) => refuseAsker(service, FE, SELF) === undefined)
    .map(([name]) => name);
  const answered = [...RIGHTS]
    .filter(([service]) => refuseAnswerer(service, FE, SELF) === undefined)
    .map(([name]) => name);
  // Whatever is added here is what somebody who has broken into a frontend may do: docs/doors.md says what that is.
  t.same(asked.toSorted(), [
    'cluster.ask',
    'cluster.map',
    'cluster.members',
    'cluster.relay',
    'cluster.renew',
    'cluster.report',
    'cluster.worker-ping',
    'directory.change',
    'directory.create',
    'directory.entry',
    'directory.list',
    'directory.resolve',
    'directory.scram',
    'directory.set-password',
    'directory.verify',
    'imap.session',
    'login.address',
    'login.address-note',
    'login.administrator',
    'login.administrator-note',
    'mail.deliver',
    'placement.move-slot',
    'pop.session',
    'relay.call',
    'security.keys',
    'security.renew',
    'settings.change',
    'settings.since',
  ]);
  t.same(answered.toSorted(), [
    'cluster.ask',
    'cluster.statement',
    'cluster.worker-ping',
    'cluster.worker-statement',
    'security.holds',
  ]);
});

void t.test('backends, symmetric members and the own member', async (t) => {
  for (const backend of [BE2, SYM]) {
    t.equal(refuseAsker(Service.leases, backend, SELF), undefined);
    t.equal(refuseAsker(Service.supervisorStatement, backend, SELF), undefined);
    t.equal(refuseAnswerer(Service.renew, backend, FE), undefined);
  }
  t.match(refuseAsker(Service.leases, FE, SELF), /fe1 \(frontend\) has no right to ask cluster\.leases/);
  t.match(refuseAnswerer('mail.deliver', FE, SELF), /fe1 \(frontend\) has no right to answer mail\.deliver/);
  t.equal(refuseAsker(Service.hello, FE, who('fe1', 'frontend')), undefined, 'a worker to its supervisor');
  t.type(refuseAsker(Service.hello, BE2, SELF), 'string', 'another member’s worker');
  t.type(refuseAsker(Service.hello, who('be1', 'frontend'), SELF), 'string', 'the name with another role');
  t.type(refuseAsker(Service.workerStatement, who('be1', 'frontend'), SELF), 'string', 'there too');
  t.equal(
    refuseAsker(Service.workerStatement, FE, who('fe1', 'frontend')),
    undefined,
    'a supervisor to its worker',
  );
  t.type(refuseAsker(Service.workerStatement, FE, SELF), 'string', 'a frontend to another’s');
});

/** Names of calls, notices and streams by how sources register them, with the file. */
async function registered(): Promise<ReadonlyMap<string, string>> {
  const root = join(import.meta.dirname, '../../../src');
  const files = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const sources = await Promise.all(
    files.map(async (name) => [name, await readFile(join(root, name), 'utf8')] as const),
  );
  const constants = new Map<string, string>(
    Object.entries(Service).map(([key, name]) => [`Service.${key}`, name]),
  );
  for (const [, text] of sources)
    for (const [, key, value] of text.matchAll(/const ([A-Z_]+_SERVICE) = '([^']+)'/g))
      constants.set(key!, value!);
  const found = new Map<string, string>();
  for (const [file, text] of sources) {
    if (file.startsWith('cluster/bus/') || file === 'cluster/security/rights.ts') continue;
    const names = [
      ...text.matchAll(/\b(?:serve|onNotice|onStream)\(\s*('[^']+'|[A-Z_]+_SERVICE|Service\.\w+)/g),
      // Handed on to the one place that registers a protocol's stream.
      ...text.matchAll(/\bservice: ('[a-z]+\.[a-z-]+'|[A-Z_]+_SERVICE)/g),
    ].map(([, name = '']) => constants.get(name) ?? name.replaceAll("'", ''));
    for (const name of names) found.set(name, file);
  }
  // Served in a loop, over both of its names.
  for (const name of [Service.relay, Service.relayData]) found.set(name, 'cluster/view/detour.ts');
  return found;
}
