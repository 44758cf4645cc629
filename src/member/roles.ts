/** What a member does by its role: owning slots, facing clients. Symmetric and standalone have both in one worker. */
import type { Role } from '../cluster/types.ts';

export interface Duties {
  /** Mounts the shared storage, owns slots, may hold control. */
  readonly owns: boolean;
  /** Takes clients' connections. */
  readonly faces: boolean;
}

export const DUTIES: Readonly<Record<Role, Duties>> = {
  backend: { owns: true, faces: false },
  frontend: { owns: false, faces: true },
  symmetric: { owns: true, faces: true },
  standalone: { owns: true, faces: true },
};
