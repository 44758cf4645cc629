/**
 * The words of one stored message, for searching: header fields decoded and unfolded, text parts with their transfer encoding and
 * charset undone, all by i;unicode-casemap. All needles of a search are looked for in one pass over the body, which is
 * read in chunks and never held as a whole.
 */
import { charsetDecoder, decodeHeaderValue, transferDecoder } from '../mime/decode.ts';
import { headerFields, unfold } from '../mime/header.ts';
import { HEADER_OCTETS_MAX } from '../mime/limits.ts';
import { parameter } from '../mime/parameters.ts';
import type { Part } from '../mime/part.ts';
import { field, isMultipart } from '../mime/part.ts';
import type { Slices } from '../platform/slices.ts';
import { casemap } from './casemap.ts';
import type { MessageContent } from './content.ts';

interface TextField {
  /** Lower case. */
  readonly name: string;
  /** Decoded, by casemap. */
  readonly value: string;
}

/** Needles that were found, by what they may be found in. */
interface Found {
  /** In a body: text parts and the headers of messages in message/rfc822 parts. */
  readonly body: ReadonlySet<string>;
  /** In the MIME headers of parts, which TEXT looks at and BODY does not. */
  readonly mime: ReadonlySet<string>;
}

export class MessageText {
  readonly #content: MessageContent;
  /** By casemap; none empty. */
  readonly #needles: readonly string[];
  readonly #slices: Slices;
  #fields: readonly TextField[] | undefined;
  #found: Found | undefined;

  /** `needles`: every text that BODY and TEXT keys of the command look for, by casemap. */
  constructor(content: MessageContent, needles: readonly string[], slices: Slices) {
    this.#content = content;
    this.#needles = needles;
    this.#slices = slices;
  }

  /** RFC 9051 section 6.4.4: with an empty needle every message that has the field matches. */
  async headerHas(name: string, needle: string): Promise<boolean> {
    const fields = await this.#header();
    return fields.some((one) => one.name === name && one.value.includes(needle));
  }

  async bodyHas(needle: string): Promise<boolean> {
    return needle === '' || (await this.#search()).body.has(needle);
  }

  /** Header or body. */
  async textHas(needle: string): Promise<boolean> {
    if (needle === '') return true;
    if ((await this.#header()).some((one) => lineOf(one).includes(needle))) return true;
    const found = await this.#search();
    return found.body.has(needle) || found.mime.has(needle);
  }

  /** The Date field as it stands. */
  async date(): Promise<string | undefined> {
    return field(await this.#content.header(), 'date')?.toString('latin1');
  }

  async #header(): Promise<readonly TextField[]> {
    this.#fields ??= await this.#fieldsOf(await this.#content.header());
    return this.#fields;
  }

  async #fieldsOf(part: Part): Promise<readonly TextField[]> {
    const to = Math.min(part.bodyFrom, part.headerFrom + HEADER_OCTETS_MAX);
    const octets = await this.#content.octets(part.headerFrom, to);
    return headerFields(octets).map(({ name, valueFrom, to }) => ({
      name,
      value: casemap(decodeHeaderValue(unfold(octets.subarray(valueFrom, to)))),
    }));
  }

  async #search(): Promise<Found> {
    this.#found ??= await this.#scan();
    return this.#found;
  }

  /** One walk over all parts, with a stack of its own in place of recursion. */
  async #scan(): Promise<Found> {
    const body = new Set<string>();
    const mime = new Set<string>();
    const root = await this.#content.structure();
    const open: Part[] = [root];
    for (let part = open.pop(); part !== undefined; part = open.pop()) {
      if (body.size === this.#needles.length) break;
      if (isMultipart(part)) {
        for (const child of part.parts) {
          await this.#scanHeader(child, mime);
          open.push(child);
        }
      } else if (part.message !== undefined) {
        await this.#scanHeader(part.message, body);
        open.push(part.message);
      } else if (part.content.type.toLowerCase() === 'text') await this.#scanText(part, body);
    }
    return { body, mime };
  }

  async #scanHeader(part: Part, found: Set<string>): Promise<void> {
    const lines = (await this.#fieldsOf(part)).map(lineOf);
    for (const needle of this.#needles) {
      if (this.#slices.due) await this.#slices.rest();
      if (lines.some((line) => line.includes(needle))) found.add(needle);
    }
  }

  async #scanText(part: Part, found: Set<string>): Promise<void> {
    const transfer = transferDecoder(field(part, 'content-transfer-encoding')?.toString('latin1') ?? '');
    const charset = charsetDecoder(parameter(part.content.parameters, 'charset') ?? '');
    const overlap = Math.max(...this.#needles.map((needle) => needle.length)) - 1;
    let tail = '';
    const look = async (text: string) => {
      const piece = tail + casemap(text);
      for (const needle of this.#needles) {
        if (this.#slices.due) await this.#slices.rest();
        if (!found.has(needle) && piece.includes(needle)) found.add(needle);
      }
      tail = overlap === 0 ? '' : piece.slice(-overlap);
    };
    for await (const chunk of this.#content.chunks(part.bodyFrom, part.to)) {
      await look(charset.push(transfer.push(chunk)));
      if (found.size === this.#needles.length) return;
    }
    await look(charset.push(transfer.end()) + charset.end());
  }
}

function lineOf(one: TextField): string {
  return `${one.name.toUpperCase()}: ${one.value}`;
}
