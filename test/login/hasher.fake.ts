/** A hasher that costs nothing and counts; the simulation's and the tests' stand-in for the real one. */
import { createHmac } from 'node:crypto';
import type { PasswordHasher } from '../../src/login/credentials.ts';

export class CheapHasher implements PasswordHasher {
  /** Passwords hashed for a check or a new record. */
  hashed = 0;

  async argon2id(password: Buffer, salt: Buffer): Promise<Buffer> {
    this.hashed++;
    return createHmac('sha256', salt).update(password).digest();
  }

  async pbkdf2(password: Buffer, salt: Buffer, iterations: number): Promise<Buffer> {
    return createHmac('sha256', salt).update(password).update(String(iterations)).digest();
  }
}
