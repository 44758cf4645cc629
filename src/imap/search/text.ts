/** Keys that look for text (RFC 9051 section 6.4.4), compared by i;unicode-casemap: in fields, bodies, or both. */
import { casemap } from '../../message/casemap.ts';
import { content, type SearchKeySpec, type Test } from './key.ts';

interface TextKey<K extends string> {
  readonly kind: K;
  /** Decoded from the command's charset. */
  readonly text: string;
}

export const bcc = fieldKey('BCC');
export const cc = fieldKey('CC');
export const from = fieldKey('FROM');
export const subject = fieldKey('SUBJECT');
export const to = fieldKey('TO');

export const header: SearchKeySpec<{
  readonly kind: 'HEADER';
  readonly field: string;
  readonly text: string;
}> = {
  kind: 'HEADER',
  parse(given) {
    const { reader } = given;
    const field = reader.text(reader.astring());
    reader.space();
    return { kind: 'HEADER', field, text: given.text() };
  },
  test: ({ field, text }) => inField(field.toLowerCase(), text),
};

export const body: SearchKeySpec<TextKey<'BODY'>> = {
  kind: 'BODY',
  parse: (given) => ({ kind: 'BODY', text: given.text() }),
  test(key) {
    const needle = casemap(key.text);
    return content(({ text }) => text.bodyHas(needle));
  },
  needle: ({ text }) => casemap(text),
};

/** Header or body. */
export const text: SearchKeySpec<TextKey<'TEXT'>> = {
  kind: 'TEXT',
  parse: (given) => ({ kind: 'TEXT', text: given.text() }),
  test(key) {
    const needle = casemap(key.text);
    return content((message) => message.text.textHas(needle));
  },
  needle: (key) => casemap(key.text),
};

function fieldKey<const K extends string>(kind: K): SearchKeySpec<TextKey<K>> {
  return {
    kind,
    parse: (given) => ({ kind, text: given.text() }),
    test: (key) => inField(kind.toLowerCase(), key.text),
  };
}

function inField(name: string, wanted: string): Test {
  const needle = casemap(wanted);
  return content((message) => message.text.headerHas(name, needle));
}
