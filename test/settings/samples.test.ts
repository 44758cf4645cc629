/** The sample settings and those of the operator's guide are right as they stand. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { problemLine, readSettings } from '../../src/settings/load.ts';
import { LISTENER_SETTINGS, SETTINGS } from '../../src/settings/settings.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const read = (path: string): Promise<Buffer> => readFile(join(PROJECT, path));

for (const [path, isBackend] of [
  ['etc/frontend.settings', false],
  ['etc/backend.settings', true],
] as const)
  void t.test(path, async (t) => {
    const loaded = readSettings(await read(path), path, isBackend);
    t.equal(loaded.kind, 'value', loaded.kind === 'bad' ? loaded.problems.map(problemLine).join() : path);
  });

void t.test('docs/operator.md', async (t) => {
  const text = (await read('docs/operator.md')).toString();
  const samples = [...text.matchAll(/```\n(\{\n[^]*?\n\})\n```/g)].map(([, sample = '']) => sample);
  t.ok(samples.length > 0);
  for (const sample of samples) {
    const loaded = readSettings(Buffer.from(sample), 'docs/operator.md');
    t.equal(loaded.kind, 'value', loaded.kind === 'bad' ? loaded.problems.map(problemLine).join() : '');
  }
  for (const key of LISTENER_SETTINGS) t.match(text, `\`${key}\``, key);
  const named = [
    ...text.matchAll(/`((?:[A-Z][a-zA-Z]+)(?:Address|Addresses|Networks|Listener|Memory|TLS|Connections))`/g),
  ];
  for (const [, key = ''] of named)
    if (key !== 'IPAddresses') t.ok(Object.hasOwn(SETTINGS, key), `${key} is a setting`);
});
