/**
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), the server's side of the exchange. The account's keys stay
 * with its owner (`Authenticator.beginScram`); here are the messages, the nonces and the channel binding.
 *
 * Invariants: a nonce of ours is used for one exchange; nobody is logged in who does not confirm our signature; a name
 * that leads nowhere gets the same messages as one that does.
 */
import { Failure, failureCode } from '../lib/failure.ts';
import type { AuthenticatedAs } from '../login/types.ts';
import type { TlsInfo } from '../platform/platform.ts';
import { bindingData, hasBinding } from './channel-binding.ts';
import { assertMayActAs, firstResponse, invalid, responseText } from './responses.ts';
import {
  type BindingFlag,
  type ClientFinal,
  type ClientFirst,
  type Read,
  readClientFinal,
  readClientFirst,
  type ScramErrorValue,
} from './scram-messages.ts';
import { SaslCancelled, type SaslExchange, type SaslOptions } from './types.ts';

/** Of our part of the nonce, before base64. */
const NONCE_OCTETS = 18;

/** An exchange that ends with an `e=` for the client; `cause` is what our caller is told. */
class ScramError extends Error {
  readonly value: ScramErrorValue;
  constructor(value: ScramErrorValue, cause: unknown) {
    super(value, { cause });
    this.value = value;
  }
}

export async function scram(options: SaslOptions, plus: boolean): Promise<AuthenticatedAs> {
  try {
    return await exchangeOf(options, plus);
  } catch (error) {
    if (!(error instanceof ScramError)) throw error;
    await tellError(options.exchange, error.value);
    throw error.cause;
  }
}

async function exchangeOf(options: SaslOptions, plus: boolean): Promise<AuthenticatedAs> {
  const { exchange, authenticator, attempt, random, tls } = options;
  const first = take(readClientFirst(responseText(await firstResponse(options))));
  const expected = Buffer.concat([Buffer.from(first.header), agreeOnBinding(first.flag, tls, plus)]);
  const begun = await authenticator.beginScram(first.username, attempt);
  const nonce = first.nonce + random.bytes(NONCE_OCTETS).toString('base64');
  const serverFirst = `r=${nonce},s=${begun.salt.toString('base64')},i=${begun.iterations}`;
  const final = take(readClientFinal(responseText(await exchange.challenge(Buffer.from(serverFirst)))));
  if (final.nonce !== nonce) throw scramError('other-error', 'not the nonce of this exchange');
  // RFC 5802 section 7: the flag, the authzid and the channel are what the client thinks they are.
  if (!final.binding.equals(expected))
    throw scramError('channel-bindings-dont-match', 'the channel binding is another one');
  const { who, serverSignature } = await verified(() =>
    begun.verify(authMessage(first, serverFirst, final), final.proof),
  );
  assertMayActAs(first.authzid, first.username, who);
  const last = await exchange.challenge(Buffer.from(`v=${serverSignature.toString('base64')}`));
  // RFC 4422 section 5.1: data with the outcome, where the protocol has no place for them, is a challenge answered by nothing.
  if (last.length > 0) throw invalid('an empty response was expected');
  return who;
}

/** `AuthMessage` (RFC 5802 section 3). */
function authMessage(first: ClientFirst, serverFirst: string, final: ClientFinal): string {
  return `${first.bare},${serverFirst},${final.withoutProof}`;
}

/** The channel binding data of this exchange, by the rules of RFC 5802 section 6. */
function agreeOnBinding(flag: BindingFlag, tls: TlsInfo | undefined, plus: boolean): Buffer {
  if (flag.kind === 'used') {
    if (!plus) throw scramError('channel-binding-not-supported', 'channel binding is for SCRAM-SHA-256-PLUS');
    const data = bindingData(tls, flag.type);
    if (data === undefined)
      throw scramError('unsupported-channel-binding-type', 'no channel binding of this type here');
    return data;
  }
  if (plus) throw scramError('channel-bindings-dont-match', 'SCRAM-SHA-256-PLUS needs a channel binding');
  // Somebody in between took -PLUS out of the list that the client saw.
  if (flag.kind === 'unused' && hasBinding(tls))
    throw scramError('server-does-support-channel-binding', 'the list of mechanisms was tampered with');
  return Buffer.alloc(0);
}

/** A wrong proof and a name that leads nowhere are the same to the client: `unknown-user` is never told. */
async function verified<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify();
  } catch (error) {
    throw failureCode(error) === 'refused' ? new ScramError('invalid-proof', error) : error;
  }
}

/** The client may answer it with anything, or give up: it is over. */
async function tellError(exchange: SaslExchange, value: ScramErrorValue): Promise<void> {
  try {
    await exchange.challenge(Buffer.from(`e=${value}`));
  } catch (error) {
    if (!(error instanceof SaslCancelled) && !(error instanceof Failure && error.code === 'invalid'))
      throw error;
  }
}

function take<T>(read: Read<T>): T {
  if (read.kind === 'value') return read.value;
  throw scramError(read.error, read.why);
}

/** A message that breaks the rules is 'invalid'; one that fits another channel than this is no log-in: 'refused'. */
function scramError(value: ScramErrorValue, why: string): ScramError {
  const isOther = value === 'channel-bindings-dont-match' || value === 'server-does-support-channel-binding';
  return new ScramError(value, new Failure(isOther ? 'refused' : 'invalid', `SCRAM: ${why}`));
}
