/** What the tests of SASL stand on: an authenticator with one account, and a framing that hands octets over. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { Failure } from '../../src/lib/failure.ts';
import { checkProof, scramKeys } from '../../src/login/scram.ts';
import type { AuthenticatedAs, Authenticator, LoginAttempt } from '../../src/login/types.ts';
import type { TlsInfo } from '../../src/platform/platform.ts';
import { authenticate } from '../../src/sasl/authenticate.ts';
import { SaslCancelled, type SaslOptions } from '../../src/sasl/types.ts';
import { Prng } from '../support/prng.ts';

export const JOE: AuthenticatedAs = { kind: 'account', login: 'joe@one.example', object: undefined };
export const PASSWORD = 'correct, horse=battery';
export const SALT = Buffer.from('0123456789abcdef');
export const ITERATIONS = 4096;
export const ATTEMPT: LoginAttempt = {
  service: 'imap',
  remoteHost: '127.0.0.1',
  localHost: '127.0.0.1',
  timeoutMs: 1000,
};
export const TLS_13: TlsInfo = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  serverName: undefined,
  peerCertificate: undefined,
  serverEndPoint: Buffer.alloc(32, 1),
  exporter: Buffer.alloc(32, 2),
};
export const TLS_12: TlsInfo = { ...TLS_13, protocol: 'TLSv1.2', exporter: undefined };
/** joe and joe@one.example, with one password. */
export class OneAccount implements Authenticator {
  readonly asked: string[] = [];
  /** Thrown in place of an answer. */
  failure: Failure | undefined;

  async verifyPassword(login: string, password: string): Promise<AuthenticatedAs> {
    this.asked.push(`${login} ${password}`);
    if (this.failure !== undefined) throw this.failure;
    if (!isJoe(login) || password !== PASSWORD) throw wrong();
    return JOE;
  }

  async beginScram(login: string) {
    this.asked.push(login);
    if (this.failure !== undefined) throw this.failure;
    const keys = isJoe(login)
      ? scramKeys(pbkdf2Sync(PASSWORD, SALT, ITERATIONS, 32, 'sha256'), SALT, ITERATIONS)
      : undefined;
    return {
      salt: SALT,
      iterations: ITERATIONS,
      verify: async (authMessage: string, proof: Buffer) => {
        if (this.failure !== undefined) throw this.failure;
        const serverSignature = checkProof(keys, authMessage, proof);
        if (serverSignature === undefined) throw wrong();
        return { who: JOE, serverSignature };
      },
    };
  }
}

function isJoe(login: string): boolean {
  return login === 'joe' || login === JOE.login;
}

function wrong(): Failure {
  return new Failure('refused', 'wrong name or password');
}

/** What a client answers to each challenge: octets, or `CANCEL` to give up. */
export type Answer = string | Buffer | ((challenge: string) => string | Buffer);

export interface Played {
  /** The login of who it is, or the code of the failure. */
  readonly outcome: string;
  readonly challenges: readonly string[];
}

/** Runs a mechanism against a client's answers, in turn; a challenge too many gets a cancel. */
export async function play(
  mechanism: string,
  answers: readonly Answer[],
  options: Partial<SaslOptions> & { readonly authenticator?: Authenticator } = {},
): Promise<Played> {
  const challenges: string[] = [];
  const left = [...answers];
  const exchange = {
    challenge: async (octets: Buffer): Promise<Buffer> => {
      const text = octets.toString();
      challenges.push(text);
      const answer = left.shift() ?? 'CANCEL';
      if (answer === 'CANCEL') throw new SaslCancelled();
      return Buffer.from(typeof answer === 'function' ? answer(text) : answer);
    },
  };
  const outcome = await authenticate({
    mechanism,
    initialResponse: undefined,
    exchange,
    authenticator: new OneAccount(),
    attempt: ATTEMPT,
    tls: undefined,
    random: new Prng(1),
    ...options,
  }).then(
    (who) => who.login,
    (error: unknown) => {
      if (error instanceof Failure) return error.code;
      if (error instanceof SaslCancelled) return 'cancelled';
      throw error;
    },
  );
  return { outcome, challenges };
}

/**
 * A client of SCRAM-SHA-256, written from RFC 5802 sections 3 and 5 alone: it shares no code with the server. `bad…` are
 * mistakes that it is told to make.
 */
export class ScramClient {
  readonly #user: string;
  readonly #password: string;
  readonly #header: string;
  readonly #binding: Buffer;
  readonly #nonce: string;
  readonly #extensions: string;
  #authMessage = '';
  #serverKey: Buffer = Buffer.alloc(0);
  #saw = '';

  constructor(
    options: {
      readonly user?: string;
      readonly password?: string;
      /** `n,,`, `y,,`, `p=tls-exporter,,` … */
      readonly header?: string;
      readonly binding?: Buffer;
      readonly nonce?: string;
      /** In both messages: `,x=y`. */
      readonly extensions?: string;
    } = {},
  ) {
    this.#user = options.user ?? 'joe';
    this.#password = options.password ?? PASSWORD;
    this.#header = options.header ?? 'n,,';
    this.#binding = options.binding ?? Buffer.alloc(0);
    this.#nonce = options.nonce ?? 'fyko+d2lbbFgONRv9qkxdawL';
    this.#extensions = options.extensions ?? '';
  }

  get first(): string {
    return this.#header + this.#bare;
  }

  get #bare(): string {
    const name = this.#user.replaceAll('=', '=3D').replaceAll(',', '=2C');
    return `n=${name},r=${this.#nonce}${this.#extensions}`;
  }

  /** The final message; `change` may spoil it before it is signed. To an error there is nothing to say. */
  readonly final = (serverFirst: string, change = (withoutProof: string) => withoutProof): string => {
    if (serverFirst.startsWith('e=')) return '';
    const {
      nonce = '',
      salt = '',
      count = '',
    } = /^r=(?<nonce>[^,]*),s=(?<salt>[^,]*),i=(?<count>\d+)$/.exec(serverFirst)?.groups ?? {};
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce)
      throw new Error(`not our nonce: ${serverFirst}`);
    const bound = Buffer.concat([Buffer.from(this.#header), this.#binding]).toString('base64');
    const withoutProof = change(`c=${bound},r=${nonce}${this.#extensions}`);
    this.#authMessage = `${this.#bare},${serverFirst},${withoutProof}`;
    const salted = hi(this.#password, Buffer.from(salt, 'base64'), Number(count));
    const clientKey = hmac(salted, 'Client Key');
    this.#serverKey = hmac(salted, 'Server Key');
    const signature = hmac(createHash('sha256').update(clientKey).digest(), this.#authMessage);
    const proof = Buffer.from(clientKey.map((octet, index) => octet ^ signature[index]!));
    return `${withoutProof},p=${proof.toString('base64')}`;
  };

  /** Checks the server's signature; answers nothing, as it must. */
  readonly check = (serverFinal: string): string => {
    this.#saw = serverFinal;
    return '';
  };

  get serverIsGenuine(): boolean {
    return this.#saw === `v=${hmac(this.#serverKey, this.#authMessage).toString('base64')}`;
  }
}

/** Hi() as RFC 5802 section 2.2 writes it, not as a library has it. */
function hi(text: string, salt: Buffer, count: number): Buffer {
  let each = hmac(Buffer.from(text), Buffer.concat([salt, Buffer.from([0, 0, 0, 1])]));
  const result = Buffer.from(each);
  for (let i = 1; i < count; i++) {
    each = hmac(Buffer.from(text), each);
    for (let at = 0; at < result.length; at++) result[at] = result[at]! ^ each[at]!;
  }
  return result;
}

function hmac(key: Buffer, message: string | Buffer): Buffer<ArrayBuffer> {
  return createHmac('sha256', key).update(message).digest();
}
