/** What is cut in each case, and who is to be served all the same. */
import { between, oneWay, type Way } from '../support/network.ts';

/** Who is who when a case begins. */
export interface Roles {
  readonly controller: string;
  /** The other backends. */
  readonly others: readonly [string, string];
  readonly frontends: readonly [string, string];
}

export interface Cut {
  readonly name: string;
  readonly ways: (roles: Roles) => readonly Way[];
  /** Backends whose storage is taken away. */
  readonly storageGone?: (roles: Roles) => readonly string[];
  /** At these frontends every account is served again within `withinMs` while the cut lasts. */
  readonly served: (roles: Roles) => readonly string[];
  /** No interruption of any account is longer; a lost machine's 3 s (docs/architecture.md, invariant 6) when left out. */
  readonly withinMs?: number;
  /**
   * At these every account takes mail while the cut lasts: a call takes a detour over a backend. A session does not, as a
   * stream goes to the owner directly or not at all; its client is asked to come again.
   */
  readonly takesMail?: (roles: Roles) => readonly string[];
  /** How long it lasts; long enough for a lease to run out when left out. */
  readonly holdMs?: number;
  /** At these nobody can be served once the leases have run out. */
  readonly unserved?: (roles: Roles) => readonly string[];
  /** Whoever is controller now is not when it is over. */
  readonly deposes?: true;
}

const all = ({ controller, others, frontends }: Roles): readonly string[] => [
  controller,
  ...others,
  ...frontends,
];
const both = ({ frontends }: Roles): readonly string[] => frontends;
const nobody = (): readonly string[] => [];

/** Renewals and calls take a detour: there is nothing to take over. */
const DETOUR_MS = 1500;
/**
 * Where one direction goes on, or a controller that is cut off writes its heartbeats still, it takes a ControlLease until that is
 * given up, and the leases run from there: not the 3 s of a machine that is lost.
 */
const GOES_ON = { withinMs: 3900, holdMs: 4400 } as const;

export const CUTS: readonly Cut[] = [
  {
    name: 'a backend is cut from the controller only',
    ways: ({ controller, others: [one] }) => between([one], [controller]),
    served: both,
    withinMs: DETOUR_MS,
  },
  {
    name: 'a backend is cut from everybody',
    ways: (roles) => between([roles.others[0]], all(roles)),
    served: both,
  },
  {
    name: 'the controller is cut from everybody',
    ways: (roles) => between([roles.controller], all(roles)),
    served: both,
    ...GOES_ON,
    deposes: true,
  },
  {
    name: 'the controller sends and hears nothing',
    ways: (roles) => oneWay(all(roles), [roles.controller]),
    served: both,
    ...GOES_ON,
    deposes: true,
  },
  {
    name: 'the controller hears and nobody hears it',
    ways: (roles) => oneWay([roles.controller], all(roles)),
    served: both,
    ...GOES_ON,
    deposes: true,
  },
  {
    name: 'a backend sends and hears nothing',
    ways: (roles) => oneWay(all(roles), [roles.others[0]]),
    served: both,
    ...GOES_ON,
  },
  {
    name: 'two backends are cut from each other, not from the frontends',
    ways: ({ others: [one, other] }) => between([one], [other]),
    served: both,
    withinMs: DETOUR_MS,
  },
  {
    name: 'a frontend is cut from one owner',
    ways: ({ frontends: [frontend], others: [one] }) => between([frontend], [one]),
    served: ({ frontends: [, other] }) => [other],
    withinMs: DETOUR_MS,
    takesMail: ({ frontends: [frontend] }) => [frontend],
  },
  {
    name: 'a frontend is cut from all backends',
    ways: ({ frontends: [frontend], controller, others }) => between([frontend], [controller, ...others]),
    served: ({ frontends: [, other] }) => [other],
    withinMs: DETOUR_MS,
    unserved: ({ frontends: [frontend] }) => [frontend],
  },
  {
    name: 'the controller and a frontend are cut from the rest',
    ways: ({ controller, others, frontends: [frontend, other] }) =>
      between([controller, frontend], [...others, other]),
    served: ({ frontends: [, other] }) => [other],
    ...GOES_ON,
    unserved: ({ frontends: [frontend] }) => [frontend],
    deposes: true,
  },
  {
    name: 'the storage of a backend is gone',
    ways: () => [],
    storageGone: ({ others: [one] }) => [one],
    served: both,
  },
  {
    name: 'the storage of the controller is gone',
    ways: () => [],
    storageGone: ({ controller }) => [controller],
    served: both,
  },
  {
    name: 'everybody is cut from everybody',
    ways: (roles) => between(all(roles), all(roles)),
    served: nobody,
    unserved: both,
  },
];
