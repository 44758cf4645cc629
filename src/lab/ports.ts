/**
 * Free ports on loopback, below the range from which the kernel takes the ports of outgoing connections: a member that is
 * killed and started again finds its ports as it left them.
 */
import { createServer, type Server } from 'node:net';
import { Failure } from '../lib/failure.ts';
import type { Random } from '../platform/platform.ts';

export const LOOPBACK = '127.0.0.1';

/** Linux takes ephemeral ports from 32768 on; some systems from 30000. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

/** So many different ports that nobody listens on now. */
export async function freePorts(count: number, random: Random): Promise<readonly number[]> {
  const servers: Server[] = [];
  try {
    const start = random.below(PORTS);
    for (let i = 0; i < PORTS && servers.length < count; i++) {
      const server = await tryListen(FIRST_PORT + ((start + i) % PORTS));
      if (server !== undefined) servers.push(server);
    }
    if (servers.length < count) throw new Failure('limit', `there are no ${count} free ports on ${LOOPBACK}`);
    return servers.map((server) => (server.address() as { readonly port: number }).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function tryListen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => resolve(server));
  });
}
