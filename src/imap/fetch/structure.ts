/** ENVELOPE, BODY and BODYSTRUCTURE: the first needs the header, the others all of the message (RFC 9051 section 7.5.2). */
import { isAscii } from 'node:buffer';
import { envelopeOf } from '../../mime/envelope.ts';
import { bodyStructure } from '../codec/bodystructure.ts';
import { envelope as writeEnvelope } from '../codec/envelope.ts';
import { join } from '../codec/write.ts';
import type { Fetched, FetchItemSpec } from './item.ts';

export const envelope: FetchItemSpec<{ readonly kind: 'ENVELOPE' }> = {
  kind: 'ENVELOPE',
  write: (_, message) => {
    const known = message.envelopes.get(message.facts.emailId);
    return known === undefined ? readEnvelope(message) : ['ENVELOPE ', known];
  },
};

async function readEnvelope({ facts, content, context, envelopes }: Fetched) {
  const octets = join(writeEnvelope(envelopeOf(await content.fields()), context));
  // Kept for long, and small: not as a view of a larger buffer.
  const envelope = isAscii(octets) ? octets.toString('latin1') : copyOf(octets);
  envelopes.set(facts.emailId, envelope);
  return ['ENVELOPE ', envelope];
}

function copyOf(octets: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(octets.length);
  octets.copy(copy);
  return copy;
}

/** BODYSTRUCTURE without extension data. */
export const body = structure('BODY', false);
export const bodystructure = structure('BODYSTRUCTURE', true);

function structure<const K extends string>(kind: K, extended: boolean): FetchItemSpec<{ readonly kind: K }> {
  return {
    kind,
    write: async (_, { content, context }) => [
      `${kind} `,
      ...bodyStructure(await content.structure(), extended, context),
    ],
  };
}
