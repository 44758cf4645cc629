/** The roles of members, and which of them are backends. */
import type { Role } from './types.ts';

/** Owns slots, may hold control and has the keys of backends; the other half of the rights is every member's. */
const IS_BACKEND: Readonly<Record<Role, boolean>> = {
  backend: true,
  frontend: false,
  symmetric: true,
  standalone: true,
};

export const ROLES: readonly string[] = Object.keys(IS_BACKEND);

export function isRole(value: unknown): value is Role {
  return typeof value === 'string' && Object.hasOwn(IS_BACKEND, value);
}

export function isBackendRole(role: Role): boolean {
  return IS_BACKEND[role];
}
