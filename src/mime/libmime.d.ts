/** The one function of libmime that we use; the package has no types of its own. */
declare module 'libmime' {
  const libmime: {
    /** Decodes the encoded words (RFC 2047) in a string. */
    decodeWords(value: string): string;
  };
  export default libmime;
}
