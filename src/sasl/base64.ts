/** Base64 as SASL profiles carry it (RFC 4648 section 4): padded, nothing else in it, no bits left over. */

/** Undefined when it is not the one way to write these octets. */
export function decodeBase64(text: string): Buffer | undefined {
  // Buffer.from passes over what it does not know, so what it read is written again and compared.
  const octets = Buffer.from(text, 'base64');
  return octets.toString('base64') === text ? octets : undefined;
}
