/** The client's side of SCRAM-SHA-256 without channel binding (RFC 5802 section 3, RFC 7677). */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export function scramClient(name: string, password: string, nonce: string) {
  const bare = `n=${name},r=${nonce}`;
  let serverKey: Buffer = Buffer.alloc(0);
  let authMessage = '';
  return {
    first: `n,,${bare}`,
    final(serverFirst: string): string {
      const [, all = '', salt = '', iterations = ''] =
        /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
      const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
      const clientKey = hmac(salted, 'Client Key');
      serverKey = hmac(salted, 'Server Key');
      const withoutProof = `c=biws,r=${all}`;
      authMessage = `${bare},${serverFirst},${withoutProof}`;
      const signature = hmac(createHash('sha256').update(clientKey).digest(), authMessage);
      const proof = clientKey.map((octet, index) => octet ^ signature[index]!);
      return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
    },
    serverFinal: (): string => `v=${hmac(serverKey, authMessage).toString('base64')}`,
  };
}
