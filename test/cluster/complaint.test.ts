/** What fails every Heartbeat is told once. */
import t from 'tap';
import { Complaint } from '../../src/cluster/complaint.ts';
import type { LogFields } from '../../src/lib/logging.ts';

void t.test('told when it begins, changes and ends', async (t) => {
  const lines: string[] = [];
  const log =
    (level: string) =>
    (fields: LogFields, message: string): void =>
      void lines.push(`${level} ${message} ${(fields.err as NodeJS.ErrnoException | undefined)?.code ?? ''}`);
  const complaint = new Complaint({ info: log('info'), warn: log('warn'), error: log('error') }, 'not read');
  const failing = (code: string, text: string) => Object.assign(new Error(text), { code });
  complaint.over();
  complaint.about(failing('EIO', 'at 1'));
  complaint.about(failing('EIO', 'at 2'));
  complaint.about(failing('ESTALE', 'at 3'));
  complaint.over();
  complaint.over();
  complaint.about('a text');
  t.strictSame(lines, [
    'warn not read EIO',
    'warn not read ESTALE',
    'info not read: over ',
    'warn not read ',
  ]);
});
