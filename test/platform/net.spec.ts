/** What every `Net` must do, run against the real one, the one in memory and the simulated one. */
import type { Test } from 'tap';
import type { Address, Connection, Listener, Net } from '../../src/platform/platform.ts';

export interface NetWorld {
  readonly client: Net;
  readonly server: Net;
  /** An address of the server's host; port 0. */
  readonly address: Address;
  run<T>(body: () => Promise<T>): Promise<T>;
}

/** A connection that notes what it was told, and lets a test wait for it. */
export class Recorder {
  readonly connection: Connection;
  readonly told: string[] = [];
  readonly closed: Promise<Error | undefined>;
  #received: Buffer[] = [];
  #octets = 0;
  #waiting: { readonly isMet: () => boolean; readonly resolve: () => void }[] = [];

  constructor(connection: Connection) {
    this.connection = connection;
    this.closed = new Promise((resolve) => {
      connection.start({
        data: (bytes) => {
          this.#received.push(bytes);
          this.#octets += bytes.length;
          this.#note('data');
        },
        drained: () => this.#note('drained'),
        ended: () => this.#note('ended'),
        closed: (cause) => {
          this.#note('closed');
          resolve(cause);
        },
      });
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  get octets(): number {
    return this.#octets;
  }

  until(isMet: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (isMet()) resolve();
      else this.#waiting.push({ isMet, resolve });
    });
  }

  #note(what: string): void {
    if (what !== 'data' || this.told.at(-1) !== 'data') this.told.push(what);
    const met = this.#waiting.filter(({ isMet }) => isMet());
    this.#waiting = this.#waiting.filter((entry) => !met.includes(entry));
    for (const { resolve } of met) resolve();
  }
}

interface Pair {
  readonly listener: Listener;
  readonly near: Recorder;
  readonly far: Recorder;
}

async function pair({ client, server, address }: NetWorld): Promise<Pair> {
  const accepted = Promise.withResolvers<Recorder>();
  const listener = await server.listen(address, (connection) => accepted.resolve(new Recorder(connection)));
  const near = new Recorder(await client.connect(listener.address, { timeoutMs: 1000 }));
  return { listener, near, far: await accepted.promise };
}

function pattern(octets: number): Buffer {
  const bytes = Buffer.allocUnsafe(octets);
  for (let i = 0; i < octets; i++) bytes[i] = (i * 31 + (i >> 9)) & 255;
  return bytes;
}

export function netSpec(t: Test, make: (t: Test) => Promise<NetWorld>): void {
  const spec = (name: string, body: (t: Test, world: NetWorld) => Promise<void>) =>
    void t.test(name, async (t) => {
      const world = await make(t);
      await world.run(() => body(t, world));
    });

  spec('carries octets both ways, in order', async (t, world) => {
    const { listener, near, far } = await pair(world);
    for (const word of ['one ', 'two ', '', 'three']) near.connection.write(Buffer.from(word));
    await far.until(() => far.octets === 13);
    t.equal(String(far.received), 'one two three');
    far.connection.write(Buffer.from('answer'));
    await near.until(() => near.octets === 6);
    t.equal(String(near.received), 'answer');
    near.connection.end();
    await Promise.all([near.closed, far.closed]);
    await listener.close();
  });

  spec('knows both addresses', async (t, world) => {
    const { listener, near, far } = await pair(world);
    t.ok(listener.address.port > 0, 'port 0 became a real one');
    t.same(near.connection.remote, listener.address);
    t.same(far.connection.local, listener.address);
    t.same(far.connection.remote, near.connection.local);
    near.connection.destroy();
    await listener.close();
  });

  spec(
    'tells FIN: the other side gets all that was queued, then `ended`, then `closed`',
    async (t, world) => {
      const { listener, near, far } = await pair(world);
      const bytes = pattern(700_000);
      near.connection.write(bytes);
      near.connection.end();
      near.connection.write(Buffer.from('dropped'));
      t.equal(await far.closed, undefined);
      t.equal(await near.closed, undefined);
      t.equal(far.received.compare(bytes), 0);
      t.same(far.told, ['data', 'ended', 'closed']);
      t.same(near.told.slice(-2), ['ended', 'closed']);
      await listener.close();
    },
  );

  spec('sends what the other side queued before it answers FIN with FIN', async (t, world) => {
    const { listener, near, far } = await pair(world);
    const bytes = pattern(300_000);
    far.connection.write(bytes);
    near.connection.end();
    t.equal(await near.closed, undefined);
    t.equal(near.received.compare(bytes), 0);
    await listener.close();
  });

  spec('tells a reset from FIN', async (t, world) => {
    const { listener, near, far } = await pair(world);
    near.connection.write(Buffer.from('x'));
    await far.until(() => far.octets === 1);
    near.connection.destroy();
    near.connection.destroy();
    t.match(await far.closed, { code: 'ECONNRESET' });
    t.same(far.told, ['data', 'closed'], 'no `ended`');
    t.match(await near.closed, { code: 'ECONNABORTED' }, 'our own doing has its own code');
    t.equal(near.connection.write(Buffer.from('y')), true, 'dropped octets need no waiting');
    near.connection.end();
    await listener.close();
  });

  spec('tells `closed` not before the turn is over', async (t, world) => {
    const { listener, near } = await pair(world);
    near.connection.destroy();
    t.same(near.told, []);
    await near.closed;
    await listener.close();
  });

  spec('an end and a destroy in one turn close the connection', async (t, world) => {
    const { listener, near } = await pair(world);
    near.connection.write(Buffer.from('x'));
    near.connection.end();
    near.connection.destroy();
    await near.closed;
    t.equal(near.told.at(-1), 'closed');
    await listener.close();
  });

  spec('pushes back: write says false, and `drained` when there is room again', async (t, world) => {
    const { listener, near, far } = await pair(world);
    far.connection.pause();
    const chunk = pattern(64 * 1024);
    let chunks = 0;
    // Kernels take some megabytes on loopback before they refuse.
    while (near.connection.queuedOctets < 1024 * 1024 && chunks < 1000) {
      near.connection.write(chunk);
      chunks++;
    }
    t.equal(near.connection.write(chunk), false);
    t.ok(near.connection.queuedOctets >= 1024 * 1024);
    t.notOk(near.told.includes('drained'));
    far.connection.resume();
    await near.until(() => near.told.includes('drained'));
    t.equal(near.connection.queuedOctets, 0);
    await far.until(() => far.octets === (chunks + 1) * chunk.length);
    near.connection.destroy();
    await Promise.all([near.closed, far.closed]);
    await listener.close();
  });

  spec('delivers nothing while paused, also when paused before start', async (t, world) => {
    const accepted = Promise.withResolvers<Recorder>();
    const listener = await world.server.listen(world.address, (connection) => {
      connection.pause();
      accepted.resolve(new Recorder(connection));
    });
    const near = new Recorder(await world.client.connect(listener.address, { timeoutMs: 1000 }));
    const far = await accepted.promise;
    near.connection.write(Buffer.from('early'));
    far.connection.write(Buffer.from('go'));
    await near.until(() => near.octets === 2);
    t.equal(far.octets, 0);
    far.connection.resume();
    await far.until(() => far.octets === 5);
    near.connection.end();
    t.equal(await far.closed, undefined);
    await listener.close();
  });

  spec('refuses where nobody listens', async (t, world) => {
    const listener = await world.server.listen(world.address, () => undefined);
    await listener.close();
    await t.rejects(world.client.connect(listener.address, { timeoutMs: 1000 }), { code: 'ECONNREFUSED' });
  });

  spec('refuses to listen twice', async (t, world) => {
    const listener = await world.server.listen(world.address, () => undefined);
    await t.rejects(
      world.server.listen(listener.address, () => undefined),
      { code: 'EADDRINUSE' },
    );
    await listener.close();
    const again = await world.server.listen(listener.address, () => undefined);
    await again.close();
  });

  spec('stops accepting without touching what was accepted', async (t, world) => {
    const { listener, near, far } = await pair(world);
    await listener.close();
    await listener.close();
    near.connection.write(Buffer.from('still here'));
    await far.until(() => far.octets === 10);
    far.connection.end();
    t.equal(await near.closed, undefined);
  });

  spec('gives up connecting when told to', async (t, world) => {
    const listener = await world.server.listen(world.address, (connection) => {
      connection.start({ data: () => undefined, closed: () => undefined });
    });
    const reason = new Error('changed my mind');
    const controller = new AbortController();
    const options = { timeoutMs: 1000, signal: controller.signal };
    const attempt = world.client.connect(listener.address, options);
    controller.abort(reason);
    await t.rejects(attempt, reason);
    await t.rejects(world.client.connect(listener.address, options), reason, 'aborted before');
    await listener.close();
  });

  spec('can be started once', async (t, world) => {
    const { listener, near } = await pair(world);
    t.throws(() => near.connection.start({ data: () => undefined, closed: () => undefined }));
    near.connection.destroy();
    await near.closed;
    await listener.close();
  });
}
