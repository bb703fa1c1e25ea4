/**
 * Proof that exactly these bytes were allowed. The forwarder takes nothing else.
 *
 * A permit owns a copy of the bytes, so whoever judged them cannot change them afterwards, and it is
 * spent by the one forward it pays for. TypeScript's brands can be forged by a cast; the private set
 * below cannot: only `mintPermit` puts a permit into it.
 */
import type { CommandId } from './brand.ts';
import type { Obligations } from './decision.ts';
import { assert } from './errors.ts';

declare const permit: unique symbol;

export interface Permit {
  readonly [permit]: true;
  readonly command: CommandId;
  readonly obligations: Obligations;
}

const unspent = new WeakMap<Permit, Uint8Array>();

/** Called by the gate alone, after the decision and the intent event. A boundary test enforces it. */
export function mintPermit(
  command: CommandId,
  frame: Uint8Array,
  obligations: Obligations,
): Permit {
  // The one cast: a permit is whatever is in `unspent`, and only this line puts anything there.
  const minted = Object.freeze({ command, obligations }) as Permit;
  // Not `frame.slice()`: that of Node's Buffer shares its memory.
  unspent.set(minted, new Uint8Array(frame));
  return minted;
}

/** The bytes that the permit was minted for. Spends it: a second call is a bug. */
export function spendPermit(minted: Permit): Uint8Array {
  const frame = unspent.get(minted);
  assert(frame !== undefined, 'a permit is minted by the gate and spent once');
  unspent.delete(minted);
  return frame;
}
