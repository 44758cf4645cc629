/**
 * The hashing process: answers its parent's questions one message each, on its own pool of threads, and ends with it.
 * Started by hasher.ts; it knows no account and keeps nothing.
 */
import { argon2, pbkdf2 } from 'node:crypto';
import { ARGON2_TAG_OCTETS } from './credentials.ts';
import type { HashAnswer, HashQuestion } from './hasher.ts';

process.on('message', (question: HashQuestion) => {
  const done = (error: Error | null, tag?: Uint8Array) => {
    const answer: HashAnswer =
      error || tag === undefined
        ? { id: question.id, error: error?.message ?? 'no result' }
        : { id: question.id, tag };
    // The parent may be gone; then 'disconnect' ends this process.
    if (process.connected) process.send?.(answer, () => undefined);
  };
  try {
    hash(question, done);
  } catch (error) {
    done(error as Error);
  }
});
process.on('disconnect', () => process.exit(0));

function hash(question: HashQuestion, done: (error: Error | null, tag?: Uint8Array) => void): void {
  const message = Buffer.from(question.password);
  const nonce = Buffer.from(question.salt);
  if (question.kind === 'pbkdf2') return pbkdf2(message, nonce, question.iterations, 32, 'sha256', done);
  const { memoryKiB, passes, parallelism } = question.parameters;
  argon2(
    'argon2id',
    { message, nonce, parallelism, tagLength: ARGON2_TAG_OCTETS, memory: memoryKiB, passes },
    done,
  );
}
