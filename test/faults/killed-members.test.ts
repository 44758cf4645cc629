/** Nothing acknowledged is lost, whatever single member dies or pauses: the fault test for each shape of cluster. */
import t from 'tap';
import { CONTROLLER, nothingIsLost, type Shape } from './killed-members.ts';

const SHAPES: Readonly<Record<string, Shape>> = {
  'two backends and two frontends': {
    flags: ['--backends', '2', '--frontends', '2'],
    doors: ['fe1', 'fe2'],
    backends: ['be1', 'be2'],
    forMs: 60_000,
    faultsMin: 6,
    faults: [
      ['workers', 'be1'],
      ['member', CONTROLLER],
      ['workers', 'fe1'],
      ['pause', 'be1'],
      ['member', 'fe2'],
      ['supervisor', CONTROLLER],
      ['pause', CONTROLLER],
      ['workers', 'be2'],
      ['pause', 'fe1'],
      ['pause', 'be2'],
      ['supervisor', 'fe1'],
      ['member', 'be2'],
    ],
  },
  // Each of them owns accounts and faces clients: a fault takes both.
  'three symmetric members': {
    flags: ['--backends', '0', '--frontends', '0', '--symmetric', '3'],
    doors: ['sy1', 'sy2', 'sy3'],
    backends: ['sy1', 'sy2', 'sy3'],
    forMs: 30_000,
    faultsMin: 4,
    faults: [
      ['workers', 'sy1'],
      ['member', CONTROLLER],
      ['pause', 'sy2'],
      ['supervisor', CONTROLLER],
      ['member', 'sy3'],
      ['pause', CONTROLLER],
    ],
  },
};

for (const [what, shape] of Object.entries(SHAPES))
  void t.test(`nothing acknowledged is lost: ${what}`, { timeout: 240_000 }, (t) => nothingIsLost(t, shape));
