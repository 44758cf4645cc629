/** ENVELOPE, BODY and BODYSTRUCTURE: the first needs the header, the others all of the message (RFC 9051 section 7.5.2). */
import { envelopeOf } from '../../mime/envelope.ts';
import { bodyStructure } from '../codec/bodystructure.ts';
import { envelope as writeEnvelope } from '../codec/envelope.ts';
import type { FetchItemSpec } from './item.ts';

export const envelope: FetchItemSpec<{ readonly kind: 'ENVELOPE' }> = {
  kind: 'ENVELOPE',
  write: async (_, { content, context }) => [
    'ENVELOPE ',
    ...writeEnvelope(envelopeOf(await content.header()), context),
  ],
};

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
