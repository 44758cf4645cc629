/**
 * Changes of a running member's security files: durable first, as what is used by then must be there after a crash; then in
 * this process, then in the workers. One change after another, each made of what the one before has left: two at once would
 * write into each other's files, and bring old keys back. Nothing is written that could not be used.
 */
import type { StoreFiles } from '../cluster/security/follower.ts';
import type { MemberSecurity, SecurityFiles } from '../cluster/security/member-security.ts';

export interface SecurityStoreOptions {
  readonly security: MemberSecurity;
  readonly write: (files: SecurityFiles) => Promise<void>;
  readonly told: (files: SecurityFiles) => void;
}

export function securityStore({ security, write, told }: SecurityStoreOptions): StoreFiles {
  let last: Promise<void> = Promise.resolve();
  return (change) => {
    const stored = last.then(async () => {
      const files = change(security.files);
      security.mayReplace(files);
      await write(files);
      security.replace(files);
      told(files);
    });
    last = stored.catch(() => undefined);
    return stored;
  };
}
