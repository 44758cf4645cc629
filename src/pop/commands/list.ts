/** LIST (RFC 1939 section 5): the scan listing is the number and the size in octets, as it is sent by RETR. */
import type { Rule } from './command.ts';
import { listing } from './listing.ts';

export const list: Rule<'LIST'> = {
  counts: 'own',
  run: (running, { number }) => listing(running, number, (each, { size }) => `${each} ${size}`),
};
