/** The members of a lab and their settings files. */
import t from 'tap';
import { planMembers, portsNeeded, settingsText } from '../../src/lab/plan.ts';
import { readSettings } from '../../src/settings/load.ts';
import { LISTENER_SETTINGS } from '../../src/settings/settings.ts';

const SIZE = { backends: 2, frontends: 1, symmetric: 1, workers: 2 };

function plan() {
  let port = 20_000;
  return planMembers('/lab', SIZE, () => port++);
}

void t.test('names, roles, folders', async (t) => {
  t.same(
    plan().map(({ name, role, base }) => [name, role, base]),
    [
      ['be1', 'backend', '/lab/be1'],
      ['be2', 'backend', '/lab/be2'],
      ['fe1', 'frontend', '/lab/fe1'],
      ['sy1', 'symmetric', '/lab/sy1'],
    ],
  );
});

void t.test('every port is asked for once', async (t) => {
  const ports = plan().flatMap((member) => [...member.ports.values()]);
  t.equal(new Set(ports).size, ports.length);
  t.equal(portsNeeded(SIZE), ports.length);
});

void t.test('the settings files are right for their roles', async (t) => {
  const all = plan();
  for (const member of all) {
    const loaded = readSettings(
      Buffer.from(settingsText(member, all, SIZE.workers)),
      'Main.settings',
      member.role !== 'frontend',
    );
    if (loaded.kind === 'bad') return t.fail(JSON.stringify(loaded.problems));
    const { settings } = loaded;
    t.equal(settings.MemberName, member.name);
    t.equal(settings.Workers, 2);
    t.same(
      settings.BackendAddresses.map(({ port }) => port),
      all.filter(({ role }) => role !== 'frontend').map(({ ports }) => ports.get('ClusterAddress')),
    );
    for (const key of LISTENER_SETTINGS) {
      const isManagement = key === 'PWDListener' || key === 'AdminListener';
      t.equal(settings[key].length, isManagement || member.role !== 'backend' ? 1 : 0, key);
    }
  }
});
