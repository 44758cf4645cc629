/**
 * The world as a parameter: clock, randomness, files and network. Production code reaches the outside through these
 * interfaces only, so that a whole cluster runs inside one deterministic simulation (docs/architecture.md, section 2).
 * `real/` implements them on Node; `test/simulation/` implements them with faults.
 */
export interface Platform {
  readonly clock: Clock;
  readonly random: Random;
  readonly fs: Fs;
  readonly net: Net;
}

export interface Clock {
  /** Milliseconds that never go back. May stand still while the machine is suspended. No meaning on another machine. */
  monotonicMs(): number;
  /** Milliseconds since 1970, UTC. May jump. For people, message dates and UIDVALIDITY, never for decisions on leases. */
  wallMs(): number;
  /** Runs `run` once, not before `delayMs` have passed. */
  timer(delayMs: number, run: () => void): Timer;
  /** Resolves after `delayMs`; rejects with `signal.reason` when aborted before. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  bytes(octets: number): Buffer;
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
}

/**
 * The file calls that we use, with the guarantees that we rely on (shared facts: NFS, section 1). Errors are Error
 * objects with Node's `code` ('ENOENT', 'EEXIST', 'ENOSPC', 'EIO', 'ESTALE', …). Paths are absolute.
 */
export interface Fs {
  /** Creates and opens write-only; rejects with EEXIST when the name is there. The server decides: one winner. */
  createExclusive(path: string): Promise<AppendFile>;
  /** Opens read-only. Opens the parent directory first, so that names other members created are seen. */
  open(path: string): Promise<ReadFile>;
  /** The names in a directory, revalidated, in no order, without `.nfs*`. ENOENT when there is no such directory. */
  list(path: string): Promise<string[]>;
  /** Creates a directory and its parents; not an error when it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Makes names created in a directory durable. Does nothing on NFS, where the server has committed already. */
  syncDirectory(path: string): Promise<void>;
  /** Replaces a derived file by a temporary file, sync and rename. Never the truth of anything. */
  replace(path: string, bytes: Buffer): Promise<void>;
  /** Removes a file; not an error when it is gone. */
  remove(path: string): Promise<void>;
  /** Removes a directory with everything in it; not an error when it is gone. */
  removeTree(path: string): Promise<void>;
  /** What kind of file system holds this path, which must exist. */
  kind(path: string): Promise<'nfs' | 'local'>;
}

/** A file this process created and alone writes. */
export interface AppendFile {
  /**
   * Writes the chunks one after another from `position` on; when it resolves they are durable. After a rejection the
   * state of the file is unknown; the caller gives it up. One call at a time.
   */
  writeDurably(chunks: readonly Buffer[], position: number): Promise<void>;
  close(): Promise<void>;
}

export interface ReadFile {
  /** Size in octets as of a fresh look. */
  size(): Promise<number>;
  /** Up to `octets` octets from `position`; fewer only at the end of the file. */
  read(position: number, octets: number): Promise<Buffer>;
  close(): Promise<void>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Net {
  /**
   * Port 0 lets the kernel choose. Rejects with EADDRINUSE, EACCES … A connection is handed over when its PROXY header
   * was read and its TLS handshake is done, where these are asked for; one that fails at them is only logged.
   */
  listen(
    address: Address,
    onConnection: (connection: Connection) => void,
    options?: ListenOptions,
  ): Promise<Listener>;
  connect(address: Address, options: ConnectOptions): Promise<Connection>;
}

export interface ListenOptions {
  /** Other processes of this member listen on the same port; the kernel spreads the connections over them (SO_REUSEPORT). */
  readonly shared?: boolean;
  /** TLS from the first octet on. */
  readonly tls?: TlsServerOptions;
  /**
   * Whether a peer is a balancer: then its connections begin with a PROXY header, v1 or v2, and others' never do. A client
   * on the loopback address of another machine counts as the balancer itself: that loopback is not ours.
   */
  readonly fromBalancer?: (host: string) => boolean;
}

export interface ConnectOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly tls?: TlsClientOptions;
}

/** A certificate chain, leaf first, and its private key, in PEM. Compared by identity: the same object is the same context. */
export interface TlsIdentity {
  readonly chain: string;
  readonly key: string;
}

/** The server's side of TLS. The functions are asked at each handshake, so that a change is in force at once. */
export interface TlsServerOptions {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** What to show to a client that asks for `serverName` (SNI, RFC 6066 section 3) at this address. */
  identity(serverName: string | undefined, local: Address): TlsIdentity;
  /** 48 octets under which session tickets are sealed, the same on all members; absent: tickets of this process only. */
  ticketKeys?(): Buffer | undefined;
  /** Certificates in PEM that must have signed the client's; absent: clients are not asked for one. */
  clientAuthorities?(): readonly string[];
}

export interface TlsClientOptions {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Our own certificate, where the server asks for one. */
  identity?(): TlsIdentity;
  /** Certificates in PEM that must have signed the server's; whose it is, the caller checks by `TlsInfo.peerCertificate`. */
  authorities(): readonly string[];
}

/** What was agreed in a handshake. */
export interface TlsInfo {
  /** `TLSv1.3` */
  readonly protocol: string;
  /** Name of the cipher suite (IANA). */
  readonly cipher: string;
  readonly serverName: string | undefined;
  /** The peer's certificate, DER, verified; undefined when it showed none. */
  readonly peerCertificate: Buffer | undefined;
  /** The hash of the server's certificate for channel binding `tls-server-end-point` (RFC 5929 section 4). */
  readonly serverEndPoint: Buffer | undefined;
  /** Keying material for channel binding `tls-exporter` (RFC 9266), 32 octets; undefined where TLS is older than 1.3. */
  readonly exporter: Buffer | undefined;
}

export interface Listener {
  readonly address: Address;
  /** Stops accepting; accepted connections go on. */
  close(): Promise<void>;
}

/** A reliable byte stream. Nothing is delivered before `start`. */
export interface Connection {
  /** Our end; behind a balancer the address that its client called. */
  readonly local: Address;
  /** The client's end, behind a balancer too. */
  readonly remote: Address;
  /** Undefined in the clear. */
  readonly tls: TlsInfo | undefined;
  /**
   * STARTTLS on the server's side: what is sent from here on, and what was received and not told to `data` yet, is TLS.
   * Resolves when the handshake is done; rejects when it fails or takes too long, and then `closed` follows. What the
   * caller itself keeps of earlier octets it must throw away (RFC 3207 section 4.2: commands injected in the clear).
   * What is written meanwhile waits for the end of the handshake. Only for who was called, and once.
   */
  secure(options: TlsServerOptions): Promise<TlsInfo>;
  /** Sets who is told what; call once, in the same turn as the connection was handed over. */
  start(events: ConnectionEvents): void;
  /** Queues bytes; false means that the caller should wait for `drained` before more. */
  write(bytes: Buffer): boolean;
  /** Octets written that the kernel has not taken yet. */
  readonly queuedOctets: number;
  pause(): void;
  resume(): void;
  /** Sends what is queued, then FIN. */
  end(): void;
  /** Drops it at once (RST where the kernel can). */
  destroy(): void;
}

export interface ConnectionEvents {
  data(bytes: Buffer): void;
  drained?(): void;
  /** What the peer is owed is still sent after its FIN: then our `end` is for who has the connection to call. */
  readonly halfOpen?: boolean;
  /** The peer sent FIN. Unless `halfOpen`, our `end` follows at once; `closed` comes when both have ended. */
  ended?(): void;
  /**
   * Called exactly once, last. `cause` is undefined after an orderly end (FIN both ways or our own `end`). Otherwise its
   * code tells ECONNRESET (the peer sent RST), ETIMEDOUT (no answer for too long), ECONNABORTED (our own `destroy`).
   */
  closed(cause: Error | undefined): void;
}
