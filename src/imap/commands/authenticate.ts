/** AUTHENTICATE (RFC 3501 section 6.2.2), with an initial response (RFC 4959). */
import { Failure } from '../../lib/failure.ts';
import { authenticate as exchangeWith } from '../../sasl/authenticate.ts';
import { decodeBase64 } from '../../sasl/base64.ts';
import { SaslCancelled, type SaslExchange } from '../../sasl/types.ts';

import { SyntaxProblem } from '../codec/reader.ts';
import type { Door } from '../frontend/door.ts';
import { BEFORE_LOGIN, type CommandSpec } from './types.ts';

export interface AuthenticateCommand {
  readonly name: 'AUTHENTICATE';
  /** Upper case. */
  readonly mechanism: string;
  /** Decoded from base64; empty for `=`; undefined when the client waits for a challenge (RFC 4959). */
  readonly initialResponse: Buffer | undefined;
}

export const authenticate: CommandSpec<AuthenticateCommand> = {
  name: 'AUTHENTICATE',
  phases: BEFORE_LOGIN,
  capabilities: {
    always: ['SASL-IR'],
    beforeLogin: ({ mechanisms }) => mechanisms.map((mechanism) => `AUTH=${mechanism}`),
  },
  repeat: 'safe',

  /** authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] */
  parse(reader) {
    reader.space();
    const mechanism = reader.keyword('expected a SASL mechanism');
    const initialResponse = reader.acceptSpaceBeforeMore()
      ? decodeInitialResponse(reader.until(' '))
      : undefined;
    return { name: 'AUTHENTICATE', mechanism, initialResponse };
  },

  async atDoor(door, tag, { mechanism, initialResponse }) {
    if (!door.mechanisms.includes(mechanism)) {
      // RFC 3501 section 6.2.2: NO for a mechanism that is not supported.
      const why = door.passwordsAllowed ? '[CANNOT] mechanism not supported' : '[PRIVACYREQUIRED] not here';
      await door.line(`${tag} NO ${why}`);
      return 'bad';
    }
    const { authenticator, random } = door.options;
    return door.verified(tag, { mechanism }, () =>
      exchangeWith({
        mechanism,
        initialResponse,
        exchange: exchangeOver(door),
        authenticator,
        attempt: door.attempt(),
        tls: door.wire.tls,
        random,
      }),
    );
  },
};

/** initial-resp = (base64 / "="): "=" stands for an empty response (RFC 4959 section 3). */
function decodeInitialResponse(text: string): Buffer {
  if (text === '=') return Buffer.alloc(0);
  const octets = text === '' ? undefined : decodeBase64(text);
  if (octets === undefined) throw new SyntaxProblem('initial response is not base64');
  return octets;
}

/** `+ ` and base64 from here, a line of base64 or `*` from the client. */
function exchangeOver(door: Door): SaslExchange {
  return {
    challenge: async (octets) => {
      await door.line(`+ ${octets.toString('base64')}`);
      const input = await door.wire.next('line', door.patienceMs);
      if (input.kind === 'bad') throw new Failure('invalid', input.why);
      // Whatever else ends it ends the connection too, at the next look.
      if (input.kind !== 'line') throw new SaslCancelled('the client has left');
      const text = input.octets.toString('latin1');
      if (text === '*') throw new SaslCancelled('cancelled');
      const response = decodeBase64(text);
      if (response === undefined) throw new Failure('invalid', 'not base64');
      return response;
    },
  };
}
