/**
 * The HTTP listener of the administration: `/health`, `/status.json`, `/`, `/metrics`, on fastify, which only this file
 * knows and which is loaded only where the listener is on. It shows and changes nothing: GET and HEAD, no bodies, no
 * cookies, no scripts. Sockets come through the same door as those of all other services (docs/doors.md), so PROXY and TLS
 * are in one place.
 *
 * Invariants: at most `connectionsMax` connections, each with bounded time, header octets and requests; nothing but
 * `/health` is shown without a log-in off loopback; what is thrown is logged and answered 500 without its text.
 */
import { createServer } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { mayRead, type Verdict } from './access.ts';
import { BASIC_CHALLENGE } from './basic.ts';
import { HttpConnections } from './connections.ts';
import { healthAnswer, prefersJson } from './health.ts';
import { expose } from './metrics/exposition.ts';
import { PAGE_POLICY, statusPage } from './page.ts';
import type { HttpListener, HttpOptions } from './types.ts';

/** Request line and fields together; beyond it 431. */
export const HEADER_OCTETS_MAX = 16 * 1024;
/** Fields of a request; what is beyond them is not looked at. */
const HEADERS_MAX = 64;
/** Our own paths are short; beyond it 414. */
export const URL_OCTETS_MAX = 1024;
/** On one connection, which is closed then. */
export const REQUESTS_MAX = 1000;
/** A connection that has been answered waits so long for the next request. */
const KEEP_ALIVE_MS = 5000;

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';
const LIMIT_RETRY_SECONDS = '30';

/** On every answer (OWASP Secure Headers): nothing here is for frames, other sites or caches. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const;
/** RFC 6797 section 6.1, where TLS is on. */
const STRICT_TRANSPORT = 'max-age=31536000';

const REFUSALS: Readonly<Record<Exclude<Verdict, 'allowed'>, readonly [status: number, text: string]>> = {
  login: [401, 'log in as an administrator'],
  forbidden: [403, 'not allowed'],
  limit: [429, 'too many failures, try again later'],
  unavailable: [503, 'log-ins cannot be checked now, try again later'],
};

/** Rejects with the error of `listen`. */
export async function startHttpListener(options: HttpOptions): Promise<HttpListener> {
  const { clock, logger, connectionsMax } = options;
  const { fastify } = await import('fastify');
  let connections: HttpConnections | undefined;
  const app = fastify({
    serverFactory: (handler) => {
      const server = createServer(
        { maxHeaderSize: HEADER_OCTETS_MAX, keepAliveTimeout: KEEP_ALIVE_MS, insecureHTTPParser: false },
        handler,
      );
      server.maxHeadersCount = HEADERS_MAX;
      server.maxRequestsPerSocket = REQUESTS_MAX;
      connections = new HttpConnections(server, clock, connectionsMax);
      return server;
    },
    logger: false,
    forceCloseConnections: false,
    // Of a GET nobody reads one; the connection is closed behind it.
    bodyLimit: 1,
    routerOptions: { maxParamLength: URL_OCTETS_MAX },
  });
  const open = connections;
  if (open === undefined) throw new Error('fastify made no server');
  guard(app, open, options);
  routes(app, options);
  await app.ready();
  const listener = await options.listen(options.address, (accepted) => open.accept(accepted), {
    shared: options.shared,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  return {
    address: listener.address,
    get connections() {
      return open.size;
    },
    async close(graceMs) {
      await listener.close();
      await open.close(graceMs);
      await app.close().catch((err: unknown) => logger.warn({ err }, 'http not closed in good order'));
    },
  };
}

/** What holds for every request, whatever it asks for. */
function guard(app: FastifyInstance, connections: HttpConnections, options: HttpOptions): void {
  const { logger } = options;
  app.addHook('onRequest', async (request, reply) => {
    const { socket } = request.raw;
    connections.begun(socket);
    reply.raw.once('close', () => connections.answered(socket));
    reply.headers(HEADERS);
    if (connections.of(socket)?.tls !== undefined)
      reply.header('strict-transport-security', STRICT_TRANSPORT);
    if (connections.isClosing) reply.header('connection', 'close');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return refuse(reply.header('allow', 'GET, HEAD'), 405, 'only GET and HEAD');
    if (request.raw.url !== undefined && Buffer.byteLength(request.raw.url) > URL_OCTETS_MAX)
      return refuse(reply, 414, 'the address is too long');
    // RFC 9110 section 9.3.1: a body of GET means nothing, and is how requests are smuggled.
    if (hasBody(request)) return refuse(reply, 400, 'no body is taken');
    if (pathOf(request) === '/health') return undefined;
    const from = connections.of(socket);
    const verdict = from === undefined ? 'unavailable' : await mayRead(from, request.headers, options);
    if (verdict === 'allowed') return undefined;
    if (verdict === 'login') reply.header('www-authenticate', BASIC_CHALLENGE);
    if (verdict === 'limit') reply.header('retry-after', LIMIT_RETRY_SECONDS);
    const [status, text] = REFUSALS[verdict];
    return reply.code(status).type(TEXT).send(`${text}\n`);
  });
  app.setNotFoundHandler((_, reply) => reply.code(404).type(TEXT).send('there is no such page\n'));
  app.setErrorHandler((error, _, reply) => {
    const status = statusOf(error);
    if (status >= 500) logger.error({ err: error }, 'http request failed');
    return refuse(
      reply,
      status,
      status >= 500 ? 'that went wrong: the log says why' : 'the request makes no sense',
    );
  });
}

function routes(app: FastifyInstance, { sources }: HttpOptions): void {
  app.get('/health', (request, reply) => {
    const { status, word } = healthAnswer(sources.standing());
    return prefersJson(request.headers.accept)
      ? reply
          .code(status)
          .type(JSON_TYPE)
          .send(`${JSON.stringify({ status: word })}\n`)
      : reply.code(status).type(TEXT).send(`${word}\n`);
  });
  app.get('/status.json', async (_, reply) =>
    reply.type(JSON_TYPE).send(`${JSON.stringify(await sources.report(), undefined, 2)}\n`),
  );
  app.get('/', async (_, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', PAGE_POLICY)
      .send(statusPage(await sources.report())),
  );
  app.get('/metrics', async (_, reply) => {
    const { contentType, text } = await expose(await sources.samples());
    return reply.type(contentType).send(text);
  });
}

/** The connection is not kept: what else is on it may be anything. */
function refuse(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).header('connection', 'close').type(TEXT).send(`${text}\n`);
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function pathOf(request: FastifyRequest): string | undefined {
  return request.raw.url?.split('?', 1)[0];
}

/** What fastify says of a request that it could not route; 500 for anything of ours. */
function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : 500;
}
