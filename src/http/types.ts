/**
 * Administration over HTTP: what the listener needs from its member. It shows and changes nothing (docs/doors.md,
 * "Administration over HTTP").
 */
import type { Socket } from 'node:net';
import type { Administration } from '../admin/types.ts';
import type { Standing } from '../cluster/types.ts';
import type { Logger } from '../lib/logging.ts';
import type { Sample } from '../lib/measures.ts';
import type { Authenticator } from '../login/types.ts';
import type {
  Address,
  Clock,
  Listener,
  ListenOptions,
  TlsInfo,
  TlsServerOptions,
} from '../platform/platform.ts';
import type { StatusReport } from './report.ts';

/** A connection that is through the door: PROXY header and TLS are done (src/platform/real/sockets.ts). */
export interface HttpSocket {
  readonly socket: Socket;
  readonly local: Address;
  readonly remote: Address;
  readonly tls: TlsInfo | undefined;
}

export type ListenForHttp = (
  address: Address,
  onSocket: (accepted: HttpSocket) => void,
  options: ListenOptions,
) => Promise<Listener>;

/** What is shown, asked for with each request. */
export interface Sources {
  standing(): Standing;
  report(): Promise<StatusReport>;
  /** Of every process of this member that answered. */
  samples(): Promise<readonly ProcessSamples[]>;
}

export interface ProcessSamples {
  /** `0` … of a worker, or `supervisor`. */
  readonly worker: string;
  readonly samples: readonly Sample[];
}

export interface HttpOptions {
  readonly listen: ListenForHttp;
  readonly address: Address;
  /** Other workers of this member listen on the same port. */
  readonly shared: boolean;
  /** TLS from the first octet on; undefined on loopback. */
  readonly tls: TlsServerOptions | undefined;
  readonly sources: Sources;
  readonly authenticator: Pick<Authenticator, 'verifyPassword'>;
  readonly administration: Pick<Administration, 'rightsOf'>;
  readonly connectionsMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface HttpListener {
  readonly address: Address;
  readonly connections: number;
  /** No new connections; requests that are being answered may end within `graceMs`. */
  close(graceMs: number): Promise<void>;
}
