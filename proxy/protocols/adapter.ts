/**
 * What every protocol gives the host, and what the host gives every protocol.
 * The host owns the sockets and knows no protocol; an adapter knows one and owns no socket.
 */
import type { Services } from '../services.ts';

/** Where the client is, as the host sees it. */
export interface Peer {
  /** `address:port`, for the record. */
  readonly name: string;
  /** True for 127.0.0.0/8 and ::1: a secret sent in the clear does not leave the machine. */
  readonly loopback: boolean;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `ca` is PEM text, or null for the certificate authorities that the runtime trusts. */
export interface VerifyFull {
  readonly host: string;
  readonly ca: string | null;
}

/** One connection from this side to a target. */
export interface Outgoing {
  readonly write: (bytes: Uint8Array) => void;
  /** Starts TLS on it, verifying chain and name. `onSecure` follows, or `onClosed`. */
  readonly secure: (verify: VerifyFull) => void;
  /** Ends it after what was written. */
  readonly end: () => void;
  readonly destroy: () => void;
}

export interface OutgoingEvents {
  readonly onOpen: () => void;
  readonly onSecure: () => void;
  readonly onData: (bytes: Uint8Array) => void;
  /** Exactly once, `why` being '' for an orderly end. */
  readonly onClosed: (why: string) => void;
}

/** What the host does for one client connection. Every call is safe after the client has gone. */
export interface Wire {
  readonly peer: Peer;
  /** True where the listener has a certificate. */
  readonly tlsOffered: boolean;
  readonly write: (bytes: Uint8Array) => void;
  /** Starts TLS towards the client; `onSecure` follows. `leftover` is what of the handshake was read already. */
  readonly secure: (leftover: Uint8Array) => void;
  /** Back-pressure by the protocol: stop and go on reading from the client. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** The login is over: the handshake deadline no longer applies. */
  readonly established: () => void;
  /**
   * Opens a connection to a target. `paired`: the two sides slow each other down, neither is read
   * faster than the other takes it.
   */
  readonly connect: (endpoint: Endpoint, events: OutgoingEvents, paired: boolean) => Outgoing;
  /** Closes the client's side after what was written. */
  readonly end: () => void;
}

/** One client connection, as its protocol sees it. */
export interface Connection {
  readonly onData: (bytes: Uint8Array) => void;
  readonly onSecure: () => void;
  /** The client sends no more; it may still be reading. */
  readonly onEnd: () => void;
  /** The client's side is gone. Exactly once. */
  readonly onClosed: () => void;
  /** The gateway wants it closed: say why in the protocol's own words, then `wire.end()`. */
  readonly close: (reason: string) => void;
}

export interface Adapter {
  readonly name: string;
  readonly open: (wire: Wire, services: Services) => Connection;
}
