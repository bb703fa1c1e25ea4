import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isMask, MASK_TEXT, maskText } from '../../../core/masking/mask.ts';
import { MaskStyle } from '../../../core/target.ts';

describe('maskText', () => {
  test.each([
    ['full', 'alice@example.com', '****'],
    ['full', '', '****'],
    ['null', 'alice@example.com', null],
    ['keep-last-4', '4111111111111234', '****1234'],
    ['keep-last-4', '12345678', '****5678'],
    ['keep-last-4', '1234567', '****'],
    ['keep-last-4', '1234   ', '****'],
    ['keep-last-4', '', '****'],
    ['keep-last-4', 'abcdef😀😁😂😃', '****😀😁😂😃'],
  ] as const)('%s of %j is %j', (style, text, masked) => {
    expect(maskText(style, text)).toBe(masked);
  });

  test('property: a masked value never contains what it hides', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...MaskStyle.options),
        fc.string({ minLength: 1 }),
        (style, text) => {
          fc.pre(!MASK_TEXT.includes(text.trimEnd()) && !isMask(text));
          expect(maskText(style, text) ?? '').not.toContain(text);
        },
      ),
    );
  });

  test('property: at least half of a value stays hidden', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const shown = Array.from((maskText('keep-last-4', text) ?? '').slice(MASK_TEXT.length));
        expect(shown.length * 2).toBeLessThanOrEqual(Array.from(text).length);
      }),
    );
  });
});

describe('isMask', () => {
  test('property: every mask is known when it comes back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('full' as const, 'keep-last-4' as const),
        fc.string({ unit: 'grapheme' }),
        (style, text) => {
          expect(isMask(maskText(style, text) ?? '')).toBe(true);
        },
      ),
    );
  });

  test.each([
    ['****   ', true],
    ['****12 4', true],
    ['*****', false],
    ['***', false],
    ['', false],
    ['****12345', false],
    ['4111111111111111', false],
    ['see **** there', false],
  ])('%j: %s', (text, expected) => {
    expect(isMask(text)).toBe(expected);
  });
});
