/** A PostgreSQL client of single messages: sends what no driver would, and sees every byte. */
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { makeFrameReader } from '../../proxy/protocols/postgres/codec_frames.ts';

export interface Frame {
  /** The type byte as a character. */
  readonly type: string;
  readonly body: Buffer;
}

export interface WireClient {
  readonly send: (...parts: readonly Uint8Array[]) => void;
  /** The next message; null where the other side has closed. */
  readonly next: () => Promise<Frame | null>;
  /** Messages up to the first of that type, or to the end. */
  readonly until: (type: string) => Promise<readonly Frame[]>;
  /** One untyped byte: the answer to an SSLRequest or a GSSENCRequest; '' at the end. */
  readonly byte: () => Promise<string>;
  readonly secure: (alpn?: string) => Promise<void>;
  readonly socket: () => Socket;
  /** Stops sending, and goes on reading. */
  readonly halfClose: () => void;
  readonly destroy: () => void;
}

const LENGTH_MAX = 0x7fffffff;

export async function openWire(port: number): Promise<WireClient> {
  let socket: Socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const opened = new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  await opened;
  let reader = makeFrameReader(() => LENGTH_MAX);
  let ended = false;
  let wake = (): void => {};
  const listen = (to: Socket): void => {
    to.on('data', (bytes) => {
      reader.push(bytes);
      wake();
    });
    const end = () => {
      ended = true;
      wake();
    };
    to.on('end', end);
    to.on('close', end);
    to.on('error', end);
  };
  listen(socket);
  const changed = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  const next = async (): Promise<Frame | null> => {
    for (;;) {
      const read = reader.next();
      if (read.kind === 'frame') {
        return { type: String.fromCharCode(read.type), body: Buffer.from(read.bytes.subarray(5)) };
      }
      if (ended) return null;
      await changed();
    }
  };
  return {
    send: (...parts) => socket.write(Buffer.concat(parts)),
    next,
    until: async (type) => {
      const frames: Frame[] = [];
      for (let frame = await next(); frame !== null; frame = await next()) {
        frames.push(frame);
        if (frame.type === type) break;
      }
      return frames;
    },
    byte: async () => {
      while (reader.size() === 0 && !ended) await changed();
      const bytes = reader.rest();
      reader.push(bytes.subarray(1));
      return bytes.toString('latin1', 0, 1);
    },
    secure: async (alpn) => {
      socket.removeAllListeners('data');
      reader = makeFrameReader(() => LENGTH_MAX);
      const options = alpn === undefined ? {} : { ALPNProtocols: [alpn] };
      const secured = tls.connect({ socket, rejectUnauthorized: false, ...options });
      const shaken = new Promise((resolve, reject) => {
        secured.once('secureConnect', resolve);
        secured.once('error', reject);
      });
      await shaken;
      socket = secured;
      listen(secured);
    },
    socket: () => socket,
    halfClose: () => socket.end(),
    destroy: () => socket.destroy(),
  };
}

/** Fields of an ErrorResponse or NoticeResponse by their letters. */
export function fieldsOf(frame: Frame | null | undefined): Readonly<Record<string, string>> {
  const parts = (frame?.body.toString('utf8') ?? '').split('\0').filter((part) => part !== '');
  return Object.fromEntries(parts.map((part) => [part.slice(0, 1), part.slice(1)]));
}
