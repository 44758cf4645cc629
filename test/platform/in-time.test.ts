import t from 'tap';
import { inTime } from '../../src/platform/in-time.ts';
import { ManualClock } from '../support/manual-clock.ts';

void t.test('as the work ends, and no timer is left', async (t) => {
  const clock = new ManualClock();
  t.equal(await inTime(clock, 100, 'late', Promise.resolve(7)), 7);
  await t.rejects(inTime(clock, 100, 'late', Promise.reject(new Error('its own'))), { message: 'its own' });
  t.equal(clock.timers, 0);
});

void t.test('after that time a Failure, and what the work does then concerns nobody', async (t) => {
  const clock = new ManualClock();
  const work = Promise.withResolvers<number>();
  const waiting = inTime(clock, 100, 'the storage does not answer', work.promise);
  await clock.advance(99);
  const late = t.rejects(waiting, { code: 'unavailable', message: 'the storage does not answer' });
  await clock.advance(1);
  await late;
  work.reject(new Error('too late to be told'));
  await new Promise((resolve) => void setImmediate(resolve));
});
