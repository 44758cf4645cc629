/**
 * The client's messages of SCRAM, read by the grammar of RFC 5802 section 7. Pure: text in, a value or the error that
 * the server's answer names out.
 */
import { decodeBase64 } from './base64.ts';

/** `server-error-value` (RFC 5802 section 7), as far as a server of ours has a use for it. */
export type ScramErrorValue =
  | 'invalid-encoding'
  | 'extensions-not-supported'
  | 'invalid-proof'
  | 'channel-bindings-dont-match'
  | 'server-does-support-channel-binding'
  | 'channel-binding-not-supported'
  | 'unsupported-channel-binding-type'
  | 'invalid-username-encoding'
  | 'other-error';

export type Read<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'bad'; readonly error: ScramErrorValue; readonly why: string };

/** `gs2-cbind-flag`: `n`, `y` or `p=type` (RFC 5802 section 6). */
export type BindingFlag =
  /** The client has no channel binding. */
  | { readonly kind: 'none' }
  /** It has, and thinks that the server has not. */
  | { readonly kind: 'unused' }
  | { readonly kind: 'used'; readonly type: string };

export interface ClientFirst {
  readonly flag: BindingFlag;
  /** Empty when there is none. */
  readonly authzid: string;
  readonly username: string;
  readonly nonce: string;
  /** `gs2-header`: what the channel binding data begin with. */
  readonly header: string;
  /** `client-first-message-bare`: part of the auth message. */
  readonly bare: string;
}

export interface ClientFinal {
  /** `cbind-input`: header and channel binding data. */
  readonly binding: Buffer;
  readonly nonce: string;
  readonly proof: Buffer;
  /** `client-final-message-without-proof`: part of the auth message. */
  readonly withoutProof: string;
}

/** Octets of a client's nonce: 24 are common. */
export const NONCE_OCTETS_MAX = 256;

// gs2-header = gs2-cbind-flag "," [ authzid ] ","; cb-name = 1*(ALPHA / DIGIT / "." / "-")
const FIRST = /^(?:(n)|(y)|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,/;
// printable = %x21-2B / %x2D-7E
const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/;
// attr-val = ALPHA "=" value; value = 1*value-char
const ATTRIBUTE = /^[A-Za-z]=[^,\0]+$/;

/** `client-first-message`. */
export function readClientFirst(message: string): Read<ClientFirst> {
  const found = FIRST.exec(message);
  if (found === null || message.includes('\0')) return bad('invalid-encoding', 'no GS2 header');
  const [header, none, unused, type, escapedAuthzid] = found;
  const authzid = escapedAuthzid === undefined ? '' : readName(escapedAuthzid);
  if (authzid === undefined)
    return bad('invalid-username-encoding', 'the authzid is not written as it must be');
  const bare = message.slice(header.length);
  const [first = '', second = '', ...extensions] = bare.split(',');
  // RFC 5802 section 5.1: `m` is for extensions that must be understood; there are none.
  if ([first, second, ...extensions].some((each) => each.startsWith('m=')))
    return bad('extensions-not-supported', 'an extension that must be understood');
  const username = first.startsWith('n=') ? readName(first.slice(2)) : undefined;
  if (username === undefined || username === '')
    return bad('invalid-username-encoding', 'the name is not written as it must be');
  const nonce = second.startsWith('r=') ? second.slice(2) : '';
  if (!NONCE.test(nonce) || nonce.length > NONCE_OCTETS_MAX) return bad('other-error', 'not a nonce');
  if (!extensions.every((each) => ATTRIBUTE.test(each))) return bad('invalid-encoding', 'not an attribute');
  const flag: BindingFlag =
    none !== undefined
      ? { kind: 'none' }
      : unused !== undefined
        ? { kind: 'unused' }
        : { kind: 'used', type: type! };
  return { kind: 'value', value: { flag, authzid, username, nonce, header, bare } };
}

/** `client-final-message`. */
export function readClientFinal(message: string): Read<ClientFinal> {
  const parts = message.split(',');
  const [first = '', second = ''] = parts;
  const last = parts.at(-1) ?? '';
  const extensions = parts.slice(2, -1);
  const binding = first.startsWith('c=') ? decodeBase64(first.slice(2)) : undefined;
  const proof = last.startsWith('p=') ? decodeBase64(last.slice(2)) : undefined;
  if (parts.length < 3 || binding === undefined || proof === undefined || proof.length === 0)
    return bad('invalid-encoding', 'not a final message');
  if (extensions.some((each) => each.startsWith('m=')))
    return bad('extensions-not-supported', 'an extension that must be understood');
  if (!extensions.every((each) => ATTRIBUTE.test(each))) return bad('invalid-encoding', 'not an attribute');
  const nonce = second.startsWith('r=') ? second.slice(2) : '';
  if (!NONCE.test(nonce)) return bad('other-error', 'not a nonce');
  const withoutProof = message.slice(0, message.length - last.length - 1);
  return { kind: 'value', value: { binding, nonce, proof, withoutProof } };
}

/** `saslname`: `,` is written `=2C` and `=` is `=3D`; any other `=` is an error (RFC 5802 section 5.1). */
function readName(escaped: string): string | undefined {
  if (/=(?!2C|3D)/.test(escaped)) return undefined;
  return escaped.replaceAll('=2C', ',').replaceAll('=3D', '=');
}

function bad<T>(error: ScramErrorValue, why: string): Read<T> {
  return { kind: 'bad', error, why };
}
