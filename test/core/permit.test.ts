/** A permit: exactly these bytes, exactly once, and only from the mint. */
import { describe, expect, test } from 'vitest';
import { mintPermit, type Permit, spendPermit } from '../../core/permit.ts';
import { COMMAND } from '../support/approval_requests.ts';

const OBLIGATIONS = { mask: [], unmask: [], detectors: [], record: 'spool' } as const;

describe('a permit', () => {
  test('pays for the bytes it was minted for, whatever becomes of them afterwards', () => {
    const frame = Uint8Array.of(1, 2, 3);
    const permit = mintPermit(COMMAND, frame, OBLIGATIONS);
    frame.fill(9);
    expect([...spendPermit(permit)]).toEqual([1, 2, 3]);
  });

  test('owns a copy of a view too, and not the buffer around it', () => {
    const around = Buffer.from([7, 1, 2, 7]);
    const permit = mintPermit(COMMAND, around.subarray(1, 3), OBLIGATIONS);
    around.fill(9);
    const bytes = spendPermit(permit);
    expect([[...bytes], bytes.buffer === around.buffer]).toEqual([[1, 2], false]);
  });

  test('copies a Buffer, whose slice does not', () => {
    const frame = Buffer.from([1, 2, 3]);
    const permit = mintPermit(COMMAND, frame, OBLIGATIONS);
    frame.fill(9);
    expect([...spendPermit(permit)]).toEqual([1, 2, 3]);
  });

  test('is spent once', () => {
    const permit = mintPermit(COMMAND, Uint8Array.of(1), OBLIGATIONS);
    spendPermit(permit);
    expect(() => spendPermit(permit)).toThrow('spent once');
  });

  test('cannot be forged, copied or changed', () => {
    const permit = mintPermit(COMMAND, Uint8Array.of(1), OBLIGATIONS);
    expect(() =>
      spendPermit({ command: COMMAND, obligations: OBLIGATIONS } as unknown as Permit),
    ).toThrow();
    expect(() => spendPermit({ ...permit })).toThrow();
    expect(() => spendPermit(structuredClone(permit) as Permit)).toThrow();
    expect(() => Object.assign(permit, { obligations: null })).toThrow(TypeError);
    expect(permit.obligations).toBe(OBLIGATIONS);
  });
});
