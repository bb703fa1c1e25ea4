/** A held command as people are to read it, and as its grant is bound to it. */
import { bindingDigest, type Sha256 } from '../../core/approval/binding.ts';
import type { Sha256Hex } from '../../core/brand.ts';
import type { Command, Parameter } from '../../core/command.ts';
import type { Session } from '../../core/session.ts';

/** Computed from the command as it is at this moment: that is what a second call is for. */
export function bindingOf(sha256: Sha256, session: Session, command: Command): Sha256Hex {
  const { frame, text, parameters, resultFormats, context, facts } = command;
  const { id, principal, target } = session;
  const what = { frame, text, parameters, resultFormats, context, facts };
  return bindingDigest(sha256, { ...what, principal, target: target.name, session: id });
}

/** The statement as it will run, bound values appended. It goes to be sealed and nowhere else. */
export function statementOf({ text, parameters }: Command): string {
  const bound = parameters.map((parameter, index) => `-- $${index + 1} = ${show(parameter)}`);
  return [text, ...bound].join('\n');
}

function show({ format, value }: Parameter): string {
  if (value === null) return 'NULL';
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return format === 'text' ? JSON.stringify(bytes.toString('utf8')) : `\\x${bytes.toString('hex')}`;
}
