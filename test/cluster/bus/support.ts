/** Buses over the network in memory, a spy on what they write, and a peer that speaks in frames. */
import { setImmediate as immediate } from 'node:timers/promises';
import { type BusOptions, createBus } from '../../../src/cluster/bus/bus.ts';
import { encodeFrame, type Frame, FrameReader, FrameType } from '../../../src/cluster/bus/frame.ts';
import { BUS_VERSION, encodeHello, type Hello } from '../../../src/cluster/bus/hello.ts';
import { BUS_LIMITS } from '../../../src/cluster/bus/limits.ts';
import type { Bus } from '../../../src/cluster/bus/types.ts';
import { noLogger } from '../../../src/lib/logging.ts';
import type { Address, Connection, Net } from '../../../src/platform/platform.ts';
import type { Incarnation } from '../../../src/store/ids.ts';
import { type MemoryPlatform, memoryPlatform } from '../../support/memory-platform.ts';

export const LOOPBACK: Address = { host: '127.0.0.1', port: 0 };

/** A net that notes every write of every connection, whoever made it. */
export class SpyNet implements Net {
  readonly writes: Buffer[] = [];
  readonly #net: Net;
  constructor(net: Net) {
    this.#net = net;
  }
  listen(address: Address, onConnection: (connection: Connection) => void): ReturnType<Net['listen']> {
    return this.#net.listen(address, (connection) => onConnection(this.#spy(connection)));
  }
  async connect(address: Address, options: Parameters<Net['connect']>[1]): Promise<Connection> {
    return this.#spy(await this.#net.connect(address, options));
  }
  #spy(connection: Connection): Connection {
    const { writes } = this;
    return new Proxy(connection, {
      get(target, name) {
        if (name === 'write')
          return (bytes: Buffer): boolean => {
            writes.push(bytes);
            return target.write(bytes);
          };
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }
}

export interface Pair {
  readonly platform: MemoryPlatform;
  readonly client: Bus;
  readonly server: Bus;
  readonly clientNet: SpyNet;
  readonly serverNet: SpyNet;
  close(): Promise<void>;
}

let made = 0;

export async function makeBus(
  platform: MemoryPlatform,
  options: Partial<BusOptions> & { readonly name?: string } = {},
): Promise<{ readonly bus: Bus; readonly net: SpyNet }> {
  const net = new SpyNet(platform.net);
  const name = options.name ?? `m${++made}`;
  const bus = await createBus({
    platform: { clock: platform.clock, net },
    self: { member: name, role: 'worker', incarnation: `${name}-incarnation` as Incarnation },
    listen: LOOPBACK,
    logger: noLogger,
    ...options,
  });
  return { bus, net };
}

export async function makePair(limits: BusOptions['limits'] = {}): Promise<Pair> {
  const platform = memoryPlatform();
  const client = await makeBus(platform, { name: 'client', limits });
  const server = await makeBus(platform, { name: 'server', limits });
  return {
    platform,
    client: client.bus,
    server: server.bus,
    clientNet: client.net,
    serverNet: server.net,
    close: async () => {
      const closing = Promise.all([client.bus.close(), server.bus.close()]);
      await platform.clock.advance(BUS_LIMITS.closeGraceMs);
      await closing;
    },
  };
}

export const HELLO: Hello = {
  version: BUS_VERSION,
  clusterId: '',
  peer: {
    member: 'raw',
    role: 'worker',
    incarnation: 'abc' as Incarnation,
    address: { host: '127.0.0.1', port: 9 },
  },
  featureLevel: 0,
  frameOctetsMax: BUS_LIMITS.frameOctetsMax,
  callOctetsMax: BUS_LIMITS.callOctetsMax,
  streamMessageOctetsMax: BUS_LIMITS.streamMessageOctetsMax,
  urgentOctetsMax: BUS_LIMITS.urgentOctetsMax,
  begunOctetsMax: BUS_LIMITS.begunOctetsMax,
  connectionCredit: BUS_LIMITS.connectionCredit,
  streamCredit: BUS_LIMITS.streamCredit,
};

export const HELLO_FRAME = encodeFrame(FrameType.hello, 0, 0, encodeHello(HELLO));

/** The other end of a connection as a test plays it: octets out, frames in. */
export class RawPeer {
  readonly frames: Frame[] = [];
  closed = false;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    const reader = new FrameReader(1 << 20, (frame) => {
      this.frames.push({ ...frame, payload: Buffer.from(frame.payload) });
      return undefined;
    });
    connection.start({
      data: (bytes) => void reader.push(bytes),
      closed: () => {
        this.closed = true;
      },
    });
  }

  static async dial(platform: MemoryPlatform, to: Address): Promise<RawPeer> {
    return new RawPeer(await platform.net.connect(to, { timeoutMs: 1000 }));
  }

  write(octets: Buffer): void {
    this.#connection.write(octets);
  }

  destroy(): void {
    this.#connection.destroy();
  }

  types(): number[] {
    return this.frames.map((frame) => frame.type);
  }
}

/** Lets everything that is under way, but no timer, happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await immediate();
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no failure';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
