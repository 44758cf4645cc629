/** How long an incarnation is certainly gone (docs/architecture.md, section 3, Sessions outlive backends). */
import fc from 'fast-check';
import t from 'tap';
import { Presence } from '../../../src/cluster/view/presence.ts';
import type { Incarnation } from '../../../src/store/ids.ts';

const SEED = 20261120;
const A = 'a'.repeat(32) as Incarnation;
const B = 'b'.repeat(32) as Incarnation;

void t.test('there: 0; gone: since it was last on the list', async (t) => {
  const presence = new Presence(0);
  presence.tick(1000, [A, B]);
  t.equal(presence.goneForMs(A), 0);
  for (let at = 2000; at <= 10_000; at += 1000) presence.tick(at, [B]);
  t.equal(presence.goneForMs(A), 9000);
  t.equal(presence.goneForMs(B), 0);
  presence.tick(11_000, [A]);
  t.equal(presence.goneForMs(A), 0, 'and back');
});

void t.test('never seen: gone since the list is known', async (t) => {
  const presence = new Presence(500);
  presence.tick(2000, []);
  t.equal(presence.goneForMs(A), 1500);
});

void t.test('without a controller the count begins anew, for those not on the list too', async (t) => {
  const presence = new Presence(0);
  presence.tick(1000, [B]);
  presence.tick(899_000, undefined);
  presence.tick(900_000, []);
  t.equal(presence.goneForMs(A), 1000);
  t.equal(presence.goneForMs(B), 1000);
});

void t.test('property: never longer than it really is', async () => {
  const step = fc.record({ ms: fc.nat(400_000), listed: fc.option(fc.boolean()), alive: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const presence = new Presence(0);
      let now = 0;
      let aliveAt = 0;
      for (const { ms, listed, alive } of steps) {
        now += ms;
        // Alive and on no current list is possible only while no controller is heard.
        if (alive || listed === true) aliveAt = now;
        presence.tick(now, listed === null || (alive && !listed) ? undefined : listed ? [A] : []);
        if (presence.goneForMs(A) > now - aliveAt) throw new Error(`too long at ${now}`);
      }
    }),
    { seed: SEED, numRuns: 300 },
  );
});
