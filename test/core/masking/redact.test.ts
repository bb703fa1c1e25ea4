import fc from 'fast-check';
import { RE2JS, RE2Set } from 're2js';
import { describe, expect, test } from 'vitest';
import { makeDetectors } from '../../../core/masking/detect.ts';
import { type RedactInput, redact } from '../../../core/masking/redact.ts';
import { DetectorName } from '../../../core/target.ts';

const detectors = makeDetectors({ RE2JS, RE2Set });

function run(input: Partial<RedactInput>) {
  const whole: RedactInput = { text: '', spans: [], parameters: [], hideParameters: [], ...input };
  return redact(whole, detectors, DetectorName.options);
}

/** The span of `part` in `text`. */
function span(text: string, part: string) {
  const start = text.indexOf(part);
  return { start, end: start + part.length };
}

describe('redact', () => {
  test('a statement without anything to hide is shown whole', () => {
    expect(run({ text: "select 'x' where id = $1", parameters: ['42'] })).toEqual({
      text: "select 'x' where id = $1",
      parameters: ['42'],
      complete: true,
    });
  });

  test('a literal of a masked column is replaced, its quotes stay', () => {
    const text = "select * from c where ssn = '1' and born > '2000-01-01'";
    expect(run({ text, spans: [span(text, "'1'"), span(text, "'2000-01-01'")] })).toEqual({
      text: "select * from c where ssn = '****' and born > '****'",
      parameters: [],
      complete: false,
    });
  });

  test('detectors see the rest, and the parameters', () => {
    const shown = run({
      text: "update c set notes = 'mail é@example.com' where id = $2",
      parameters: ['call +1-202-555-0143', '7', null],
    });
    expect(shown).toEqual({
      text: "update c set notes = 'mail ****' where id = $2",
      parameters: ['call ****', '7', 'NULL'],
      complete: false,
    });
  });

  test('overlapping spans become one mask', () => {
    const text = 'abcdefghij';
    const spans = [
      { start: 4, end: 8 },
      { start: 2, end: 6 },
    ];
    expect(run({ text, spans }).text).toBe('ab****ij');
  });

  test.each([
    ['all' as const, ['****', '****', '****']],
    [[2], ['a', '****', 'NULL']],
    [[3], ['a', 'b', '****']],
    [[], ['a', 'b', 'NULL']],
  ])('parameters %j are hidden', (hideParameters, parameters) => {
    const shown = run({ parameters: ['a', 'b', null], hideParameters });
    expect(shown).toEqual({ text: '', parameters, complete: hideParameters.length === 0 });
  });

  test('a text that reads NULL is told from the absence of a value', () => {
    expect(run({ parameters: ['NULL', null] }).parameters).toEqual(["'NULL'", 'NULL']);
  });

  test('property: nothing inside a span survives, everything outside does', () => {
    const word = fc.stringMatching(/^[a-z]{1,6}$/);
    const parts = fc.array(fc.record({ hidden: fc.boolean(), word }), { maxLength: 12 });
    fc.assert(
      fc.property(parts, (list) => {
        let text = '';
        const spans: { start: number; end: number }[] = [];
        for (const part of list) {
          const shown = part.hidden ? `<${part.word.toUpperCase()}>` : part.word;
          if (part.hidden) spans.push({ start: text.length, end: text.length + shown.length });
          text += shown;
        }
        const result = run({ text, spans: spans.toReversed() });
        expect(result.text).not.toMatch(/[A-Z<>]/);
        expect(result.text.replaceAll('****', '')).toBe(
          list.map((part) => (part.hidden ? '' : part.word)).join(''),
        );
        expect(result.complete).toBe(spans.length === 0);
      }),
    );
  });
});
