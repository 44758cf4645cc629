/** Inputs that take some making: a ClientHello, certificates that stay the same for ever (a seed must repeat its inputs). */

function counted(bytes: Buffer, octets = 2): Buffer {
  const count = Buffer.alloc(octets);
  count.writeUIntBE(bytes.length, 0, octets);
  return Buffer.concat([count, bytes]);
}

/** RFC 8446 section 4.1.2, with the server name extension of RFC 6066 section 3 and one that nobody knows. */
function clientHello(name: string): Buffer {
  const entry = Buffer.concat([Buffer.from([0]), counted(Buffer.from(name))]);
  const extensions = Buffer.concat([
    Buffer.from([0xfa, 0xfa]),
    counted(Buffer.alloc(3)),
    Buffer.from([0, 0]),
    counted(counted(entry)),
  ]);
  const fixed = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    counted(Buffer.alloc(32, 9), 1),
    counted(Buffer.from([0x13, 1, 0x13, 2])),
    counted(Buffer.from([0]), 1),
  ]);
  const body = Buffer.concat([fixed, counted(extensions)]);
  const message = Buffer.concat([Buffer.from([1]), counted(body, 3)]);
  return Buffer.concat([Buffer.from([22, 3, 1]), counted(message)]);
}

export const CLIENT_HELLO = clientHello('mail.lab.example');

/** Of nobody: made for this file with `openssl req -x509`, for a hundred years. */
export const CERTIFICATE_PEM = `-----BEGIN CERTIFICATE-----
MIIB7jCCAZOgAwIBAgIUbRCcWJXw5MWpTySZB8+kxskEvDMwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMZnV6ei5leGFtcGxlMCAXDTI2MTEyMDEyNDkwN1oYDzIxMjYx
MDI3MTI0OTA3WjAXMRUwEwYDVQQDDAxmdXp6LmV4YW1wbGUwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAQ9sWNYzS1QcGtLgmPzjc6Y4M8OqT+SqjexdpK+aS8Hgzhc
bH7GpDjMmJMpK8f4hkfyFikHml53Hdk1EVdq+rUmo4G6MIG3MB0GA1UdDgQWBBQF
kbQYoC3ExdhclfJ1z15TtYPe/zAfBgNVHSMEGDAWgBQFkbQYoC3ExdhclfJ1z15T
tYPe/zAMBgNVHRMBAf8EAjAAMGcGA1UdEQRgMF6CDGZ1enouZXhhbXBsZYIOKi5m
dXp6LmV4YW1wbGWHBMAAAgGGOHVybjpwb3N0ZXJuOjAwMTEyMjMzNDQ1NTY2Nzc4
ODk5YWFiYmNjZGRlZWZmOmJhY2tlbmQ6YmUxMAoGCCqGSM49BAMCA0kAMEYCIQDP
rm77g0bpL6O2sXhaklKk9GNVn14Xl8270ZS1E0uYLAIhALVJpH41l4efXt5HZP3X
eO+kYbz0qAaIylJHfQ87a1vS
-----END CERTIFICATE-----
`;
export const KEY_PEM = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAI5nmpUf9XkqKocD
/0A3Arz7YWGn9ae4Ma0bSYwlHKKhRANCAAQ9sWNYzS1QcGtLgmPzjc6Y4M8OqT+S
qjexdpK+aS8HgzhcbH7GpDjMmJMpK8f4hkfyFikHml53Hdk1EVdq+rUm
-----END PRIVATE KEY-----
`;
export const CERTIFICATE_DER = Buffer.from(CERTIFICATE_PEM.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
/** With the same key. */
export const REQUEST_PEM = `-----BEGIN CERTIFICATE REQUEST-----
MIHSMHkCAQAwFzEVMBMGA1UEAwwMZnV6ei5leGFtcGxlMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEPbFjWM0tUHBrS4Jj843OmODPDqk/kqo3sXaSvmkvB4M4XGx+
xqQ4zJiTKSvH+IZH8hYpB5pedx3ZNRFXavq1JqAAMAoGCCqGSM49BAMCA0kAMEYC
IQCV/FjiY3t+wHcynBOg0pr8aUB8p2YSgIgEUITHdEW2fAIhAJYjxVVhXdM5tge7
XIqlH8lVqkO+aWNuqKSrxIq6r4Bn
-----END CERTIFICATE REQUEST-----
`;
