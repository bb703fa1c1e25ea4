/**
 * Canonical JSON of an event's body, the fast way: this runs twice a command, and sorting keys is most of
 * the work. The commands' events are put together here from parts whose keys are in order already; the
 * others are rare, and go the general way. A property holds both to the same text.
 */
import { canonicalJson } from './canonical_json.ts';
import type { CommandRecord, EventBody, Outcome } from './event.ts';

/** A record is written twice, with the intent and with the result. */
const records = new WeakMap<CommandRecord, string>();
/** Lists that come from facts and decisions, which are remembered and handed out again. */
const lists = new WeakMap<readonly unknown[], string>();

/** The same text as `canonicalJson(body)`. A body never changes once it is recorded. */
export function bodyJson(body: EventBody): string {
  switch (body.kind) {
    case 'command.intent':
    case 'command.refused':
      return `{"kind":"${body.kind}","record":${recordJson(body.record)}}`;
    case 'command.result':
      return `{"kind":"command.result","outcome":${outcomeJson(body.outcome)},"record":${recordJson(body.record)}}`;
    case 'session.start':
    case 'approval.step':
    case 'session.end':
      return canonicalJson(body);
  }
}

function recordJson(record: CommandRecord): string {
  let text = records.get(record);
  if (text === undefined) {
    text = writeRecord(record);
    records.set(record, text);
  }
  return text;
}

function writeRecord(record: CommandRecord): string {
  const { approval, opaque, parameters, policyVersion } = record;
  return (
    `{"approval":${approval === null ? 'null' : canonicalJson(approval)},` +
    `"bounded":${record.bounded},"command":${canonicalJson(record.command)},` +
    `"decision":"${record.decision}","objects":${listJson(record.objects)},` +
    `"opaque":${opaque === null ? 'null' : canonicalJson(opaque)},` +
    `"parameters":${parameters.length === 0 ? '[]' : canonicalJson(parameters)},` +
    `"policies":${listJson(record.policies)},"policyVersion":${canonicalJson(policyVersion)},` +
    `"refusal":${canonicalJson(record.refusal)},"statement":${canonicalJson(record.statement)},` +
    `"statementCut":${canonicalJson(record.statementCut)},"tag":${canonicalJson(record.tag)},` +
    `"verbs":${listJson(record.verbs)}}`
  );
}

function outcomeJson(outcome: Outcome): string {
  const { bytes, durationMs, masked, rows } = outcome;
  return (
    `{"bytes":${canonicalJson(bytes)},"durationMs":${canonicalJson(durationMs)},` +
    `"masked":${masked.length === 0 ? '[]' : canonicalJson(masked)},"rows":${canonicalJson(rows)},` +
    `"sqlState":${canonicalJson(outcome.sqlState)},"status":"${outcome.status}"}`
  );
}

function listJson(list: readonly unknown[]): string {
  let text = lists.get(list);
  if (text === undefined) {
    text = canonicalJson(list);
    lists.set(list, text);
  }
  return text;
}
