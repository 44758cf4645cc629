/** What is drawn: every arrangement that the issue asks for comes, within its bounds. */
import t from 'tap';
import { Prng } from '../../support/prng.ts';
import { describeShape, drawShape, type Shape } from './shape.ts';

const SEEDS = 400;
const shapes: readonly Shape[] = Array.from({ length: SEEDS }, (_, seed) => drawShape(new Prng(seed)));
const share = (is: (shape: Shape) => boolean): number => shapes.filter(is).length / SEEDS;

void t.test('three to seven members, or one alone', async (t) => {
  const sizes = new Set(shapes.map(({ members }) => members.length));
  t.same(
    [...sizes].toSorted((a, b) => a - b),
    [1, 3, 4, 5, 6, 7],
  );
  for (const { members } of shapes) {
    t.equal(new Set(members.map(({ name }) => name)).size, members.length);
    t.ok(members.every(({ workers }) => workers >= 1 && workers <= 3));
    t.ok(members.some(({ duty }) => duty !== 'faces') && members.some(({ duty }) => duty !== 'owns'));
  }
});

void t.test('every kind comes', async (t) => {
  for (const duty of ['owns', 'faces', 'both', 'alone'] as const)
    t.ok(share(({ members }) => members.some((each) => each.duty === duty)) > 0.02, duty);
  t.ok(share(({ members }) => members.some(({ workers }) => workers > 1)) > 0.2, 'several workers');
  for (const key of ['fence', 'lifeProofs', 'upkeep', 'rots'] as const) {
    const some = share((shape) => Boolean(shape[key]));
    t.ok(some > 0.05 && some < 0.95, `${key}: ${some}`);
  }
});

void t.test('what a bug needs is not drawn', async (t) => {
  const members = [{ name: 'one', duty: 'alone', workers: 2 }] as const;
  const shape = drawShape(new Prng(1), { members, fence: false, rots: true });
  t.same([shape.members, shape.fence, shape.rots], [members, false, true]);
  t.match(describeShape(shape), /^onex2,.* rots$/);
});
