/**
 * Conversations as text, in the style of a protocol trace:
 *
 *   F Query "select 1"          the client sends
 *   B ReadyForQuery I           the client gets
 *   . approve                   something happens outside of the conversation
 *   # why                       a comment
 *
 * A transcript is run by sending its F lines and writing down what comes where its B lines are; the
 * result has to be the same text. Runs of ParameterStatus are one line: they differ between versions.
 */
import {
  describePortal,
  parse,
  passwordMessage,
  query,
  startup,
  sync,
  terminate,
} from '../../proxy/protocols/postgres/codec_synthetic.ts';
import { int16, int32, message, text } from './backend_frames.ts';
import { type Frame, fieldsOf, type WireClient } from './wire_client.ts';

export interface Conversation {
  readonly wire: WireClient;
  /** What a line that begins with a dot does. */
  readonly act: (what: string) => Promise<void>;
  readonly onKey: (process: number, secret: number) => void;
}

export async function runTranscript(script: string, conversation: Conversation): Promise<string> {
  const seen: string[] = [];
  const incoming = makeIncoming(conversation);
  for (const line of script.trimEnd().split('\n')) {
    const [kind = '', ...rest] = line.split(' ');
    const words = rest.join(' ');
    if (kind === 'F') conversation.wire.send(encode(words));
    if (kind === '.') await conversation.act(words);
    seen.push(kind === 'B' ? `B ${await incoming()}` : line);
  }
  return `${seen.join('\n')}\n`;
}

function makeIncoming({ wire, onKey }: Conversation): () => Promise<string> {
  let ahead: Frame | null | undefined;
  const take = async (): Promise<Frame | null> => {
    const frame = ahead === undefined ? await wire.next() : ahead;
    ahead = undefined;
    return frame;
  };
  return async () => {
    const frame = await take();
    if (frame?.type === 'S') {
      while (ahead === undefined || ahead?.type === 'S') ahead = await wire.next();
      return 'ParameterStatus…';
    }
    if (frame?.type === 'K') onKey(frame.body.readInt32BE(0), frame.body.readInt32BE(4));
    return describe(frame);
  };
}

const NAMES: Readonly<Record<string, string>> = {
  '1': 'ParseComplete',
  '2': 'BindComplete',
  '3': 'CloseComplete',
  I: 'EmptyQueryResponse',
  K: 'BackendKeyData',
  n: 'NoData',
  s: 'PortalSuspended',
  t: 'ParameterDescription',
};

function describe(frame: Frame | null): string {
  if (frame === null) return 'closed';
  const { type, body } = frame;
  switch (type) {
    case 'R':
      return `Authentication ${body.readInt32BE(0)}`;
    case 'Z':
      return `ReadyForQuery ${body.toString('latin1')}`;
    case 'C':
      return `CommandComplete ${quoted(body.toString('utf8', 0, body.length - 1))}`;
    case 'T':
      return `RowDescription ${namesOf(body).join(' ')}`;
    case 'D':
      return `DataRow ${valuesOf(body).join(' ')}`;
    case 'E':
    case 'N': {
      const { S = '', C = '', M = '' } = fieldsOf(frame);
      return `${type === 'E' ? 'ErrorResponse' : 'NoticeResponse'} ${S} ${C} ${quoted(M)}`;
    }
    default:
      return NAMES[type] ?? `message ${type}`;
  }
}

function namesOf(body: Buffer): readonly string[] {
  const names: string[] = [];
  for (let at = 2; at < body.length; ) {
    const end = body.indexOf(0, at);
    names.push(body.toString('utf8', at, end));
    at = end + 19;
  }
  return names;
}

function valuesOf(body: Buffer): readonly string[] {
  const values: string[] = [];
  for (let at = 2; at < body.length; ) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? 'null' : quoted(body.toString('utf8', at, at + length)));
    at += Math.max(0, length);
  }
  return values;
}

const quoted = (value: string): string => JSON.stringify(value);

/** `Name "text" word …` */
function encode(line: string): Buffer {
  const [name = '', ...words] = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  const [first = '', second = '', ...others] = words.map((word) =>
    word.startsWith('"') ? String(JSON.parse(word)) : word,
  );
  switch (name) {
    case 'Startup':
      return startup(
        new Map([
          ['user', first],
          ['database', second],
        ]),
      );
    case 'Password':
      return passwordMessage(first);
    case 'Query':
      return query(first);
    case 'Parse':
      return parse(first, second, []);
    case 'Bind': {
      const values = others.flatMap((value) => [
        int32(Buffer.byteLength(value)),
        Buffer.from(value),
      ]);
      const count = int16(others.length);
      return message('B', text(first), text(second), int16(0), count, ...values, int16(0));
    }
    case 'DescribePortal':
      return describePortal(first);
    case 'DescribeStatement':
      return message('D', Buffer.from('S'), text(first));
    case 'Execute':
      return message('E', text(first), int32(Number(second)));
    case 'Flush':
      return message('H');
    case 'Sync':
      return sync();
    case 'Terminate':
      return terminate();
    default:
      throw new Error(`Unknown message in a transcript: ${line}`);
  }
}
