/**
 * Log-ins, keys and certificates: SASL messages, credentials, evidence and answers on the bus, HTTP Basic, PEM and DER,
 * sealed values, keyrings, invitations, and what a certificate says of its member.
 */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import {
  decodeClusterCertificate,
  encodeClusterCertificate,
  openTicketKey,
  sealTicketKey,
} from '../../../src/certificates/cluster-values.ts';
import { certificateNames, hostName, wildcardOf } from '../../../src/certificates/names.ts';
import { readCertificates, readPrivateKey, splitDer } from '../../../src/certificates/pem.ts';
import { openKey, storeKey } from '../../../src/certificates/stored-key.ts';
import { issue, makeAuthority } from '../../../src/cluster/security/authority.ts';
import { readMemberCertificate } from '../../../src/cluster/security/identity.ts';
import { formatKeyrings, makeKeyring, parseKeyrings } from '../../../src/cluster/security/keyring.ts';
import { seal, unseal } from '../../../src/cluster/security/sealed.ts';
import { emptyState, formatState, parseState } from '../../../src/cluster/security/state.ts';
import { formatToken, parseToken } from '../../../src/cluster/security/token.ts';
import { domainName, localPart, splitAddress } from '../../../src/directory/address.ts';
import { readBasic } from '../../../src/http/basic.ts';
import { prefersJson } from '../../../src/http/health.ts';
import { failureCode } from '../../../src/lib/failure.ts';
import { decodeCredentials, encodeCredentials } from '../../../src/login/credentials.ts';
import { addressKey } from '../../../src/login/limits/address-key.ts';
import { newPassword } from '../../../src/login/passwords.ts';
import { isPassword, opaqueString, saslPrep } from '../../../src/login/scram.ts';
import { decodeBase64 } from '../../../src/sasl/base64.ts';
import { readPlain } from '../../../src/sasl/plain.ts';
import { RESPONSE_OCTETS_MAX, responseText } from '../../../src/sasl/responses.ts';
import { readClientFinal, readClientFirst } from '../../../src/sasl/scram-messages.ts';
import { Prng } from '../../support/prng.ts';
import { CERTIFICATE_DER, CERTIFICATE_PEM, KEY_PEM, REQUEST_PEM } from '../corpus.ts';
import { accepted, anyOf, type FuzzTarget, maybe, orFailure, refused, target } from '../target.ts';

const random = new Prng('fuzz');
const ring = makeKeyring('frontend', random);
const key = createPrivateKey(KEY_PEM);
const credentials = encodeCredentials({
  argon2id: {
    memoryKiB: 19_456,
    passes: 2,
    parallelism: 1,
    salt: Buffer.alloc(16, 1),
    tag: Buffer.alloc(32, 2),
  },
  scramSha256: {
    salt: Buffer.alloc(16, 3),
    iterations: 15_000,
    storedKey: Buffer.alloc(32, 4),
    serverKey: Buffer.alloc(32, 5),
  },
});
const token = formatToken({
  at: { host: '192.0.2.1', port: 7600 },
  clusterId: '00112233445566778899aabbccddeeff',
  id: 'aa55',
  secret: Buffer.alloc(32, 6),
  authorities: [CERTIFICATE_PEM],
});
const CLUSTER_ID = '00112233445566778899aabbccddeeff';
const WALL_MS = Date.UTC(2026, 10, 20);
const authority = await makeAuthority(CLUSTER_ID, WALL_MS, random);
const PEM_WORDS = [
  '-----BEGIN CERTIFICATE-----\n',
  '-----END CERTIFICATE-----\n',
  '-----BEGIN ',
  '-----',
  '-----BEGIN PRIVATE KEY-----\n',
  '-----END PRIVATE KEY-----\n',
  '\n',
  '=',
  '\x30\x82',
  '\x30\x80',
  '\x30\x84\xff\xff\xff\xff',
  '\x06\x03U\x1d\x11',
];

export const TARGETS: readonly FuzzTarget[] = [
  target({
    name: 'sasl-plain',
    seeds: ['\0joe\0secret', 'joe\0joe@a.example\0p\xc3\xa4ss', '\0\0'],
    words: ['\0', '\xc3\xa4', '\xff', '@', ','],
    octetsMax: 2 * RESPONSE_OCTETS_MAX,
    run(input) {
      const plain = readPlain(input);
      if (plain !== undefined)
        assert.ok(input.equals(Buffer.from(`${plain.authzid}\0${plain.authcid}\0${plain.password}`)));
      return anyOf([maybe(plain), orFailure(['invalid'], () => responseText(input))]);
    },
  }),
  target({
    name: 'sasl-scram',
    seeds: [
      'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      'p=tls-exporter,a=j=2Coe,n=j=3Doe,r=abc,x=y',
      'y,,n=joe,r=abc',
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    ],
    words: ['n,,', 'n=', ',r=', ',m=', 'p=', 'c=', ',', '=', '=2C', '=3D', 'a=', '\0', '\xc3\xa4'],
    octetsMax: RESPONSE_OCTETS_MAX,
    run(input) {
      const text = input.toString();
      const read = [readClientFirst(text), readClientFinal(text)].map((each) =>
        each.kind === 'value' ? maybe(each.value) : refused(each),
      );
      return anyOf([...read, maybe(decodeBase64(text))]);
    },
  }),
  target({
    name: 'http-fields',
    seeds: [
      'application/json;q=0.9, text/html, */*;q=0',
      `Basic ${Buffer.from('joe:se:cret').toString('base64')}`,
      'basic  YTpi',
    ],
    words: ['Basic ', ';q=', '*/*', 'application/json', ',', ' ', '=', '==', 'Og==', '/', '+', '\0'],
    octetsMax: 16 * 1024,
    run(input) {
      const field = input.toString('latin1');
      return anyOf([maybe(readBasic(field)), accepted(prefersJson(field))]);
    },
  }),
  target({
    name: 'passwords',
    seeds: ['a long enough passphrase', 'e\xcc\x81 \xe3\x80\x80', 'secret', '\xe2\x85\xa8'],
    words: ['\0', '\xc2\xad', '\xd8\xa7', 'password', '\xf0\x9f\x98\x80', ' '],
    octetsMax: RESPONSE_OCTETS_MAX,
    run(input) {
      const text = input.toString();
      newPassword(text);
      isPassword(text);
      return anyOf([opaqueString, saslPrep].map((prepare) => orFailure(['invalid'], () => prepare(text))));
    },
  }),
  target({
    name: 'address',
    seeds: [
      'joe@a.example',
      '"j.o"@a.example',
      'J\xc3\x96RG@B\xc3\xbccher.example',
      'a@xn--bcher-kva.example',
    ],
    words: ['@', '"', '\\', '.', 'xn--', '\xc3\xa9', '\xcc\x81', '%', '/', '-', '\xe3\x80\x82'],
    octetsMax: 8 * 1024,
    run(input) {
      const text = input.toString();
      const [name, domain] = [localPart(text), domainName(text)];
      // The stored form is stored as it is.
      if (name !== undefined) assert.equal(localPart(name), name);
      if (domain !== undefined) assert.equal(domainName(domain), domain);
      addressKey(text);
      const host = hostName(text);
      if (host !== undefined) wildcardOf(host);
      return anyOf([maybe(name), maybe(domain), maybe(splitAddress(text))]);
    },
  }),
  target({
    name: 'credentials',
    seeds: [credentials],
    run: (input) =>
      orFailure(['damaged'], () => {
        const read = decodeCredentials(input);
        // A damaged record must not take all memory of the hasher.
        assert.ok(read.argon2id.memoryKiB <= 262_144 && read.argon2id.passes <= 16);
        return read;
      }),
  }),
  target({
    name: 'certificates',
    seeds: [
      CERTIFICATE_PEM,
      CERTIFICATE_DER,
      CERTIFICATE_PEM + KEY_PEM,
      Buffer.concat([CERTIFICATE_DER, CERTIFICATE_DER]),
    ],
    words: PEM_WORDS,
    run(input) {
      const read = orFailure(['invalid', 'limit'], () =>
        readCertificates(input, 'x').map((each) => certificateNames(each)),
      );
      const member = readMemberCertificate(input);
      return anyOf([read, maybe(member), orFailure(['invalid', 'limit'], () => splitDer(input, 'x'))]);
    },
  }),
  target({
    name: 'certificate-request',
    seeds: [REQUEST_PEM],
    words: [...PEM_WORDS, '-----BEGIN CERTIFICATE REQUEST-----\n', '-----END CERTIFICATE REQUEST-----\n'],
    octetsMax: 4096,
    async run(input) {
      const to = {
        clusterId: CLUSTER_ID,
        member: 'fe1',
        role: 'frontend',
        request: input.toString(),
      } as const;
      try {
        const { certificate } = await issue(authority, to, WALL_MS, random);
        // Whatever was asked for, it says what we say.
        assert.equal(readMemberCertificate(certificate)?.member, 'fe1');
        return accepted(certificate);
      } catch (error) {
        if (failureCode(error) !== 'invalid') throw error;
        return refused(String(error));
      }
    },
  }),
  target({
    name: 'private-key',
    seeds: [
      KEY_PEM,
      key.export({ type: 'pkcs8', format: 'der' }),
      key.export({ type: 'sec1', format: 'pem' }),
    ],
    words: [...PEM_WORDS, '-----BEGIN ENCRYPTED PRIVATE KEY-----\n', '-----BEGIN EC PRIVATE KEY-----\n'],
    octetsMax: 32 * 1024,
    run: (input) => orFailure(['invalid', 'limit'], () => readPrivateKey(input, 'x').type),
  }),
  target({
    name: 'sealed-values',
    seeds: [
      seal(ring, 'name', Buffer.from('secret'), random),
      storeKey(ring, key, random),
      encodeClusterCertificate(CERTIFICATE_DER, key, ring, random),
      sealTicketKey({ madeMs: 1, octets: Buffer.alloc(48, 1) }, ring, random),
    ],
    run: (input) =>
      anyOf(
        [
          () => unseal(ring, 'name', input),
          () => openKey(ring, input).type,
          () => decodeClusterCertificate(input).key,
          () => openTicketKey(input, ring),
        ].map((open) => orFailure(['damaged', 'unavailable'], open)),
      ),
  }),
  target({
    name: 'keyrings',
    seeds: [
      formatKeyrings({ backend: makeKeyring('backend', random), frontend: ring }),
      formatKeyrings({ backend: undefined, frontend: ring }),
    ],
    words: ['{', '}', '[', ']', '"', ',', 'null', '__proto__', '"frontend":', '1e999'],
    run: (input) => orFailure(['invalid'], () => formatKeyrings(parseKeyrings(input.toString()))),
  }),
  target({
    name: 'security-state',
    seeds: [formatState(emptyState())],
    words: ['{', '}', '[', ']', '"', ',', 'null', '__proto__', '"members":', '1e999'],
    run: (input) => orFailure(['damaged'], () => parseState(input)),
  }),
  target({
    name: 'invitation',
    seeds: [token, ` ${token}\n`],
    words: ['postern-1-', '=', 'AAAA', '_-', '\n'],
    octetsMax: 20_000,
    run: (input) => orFailure(['invalid'], () => parseToken(input.toString('latin1'))),
  }),
];
