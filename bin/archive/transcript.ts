/** A session told in the terminal. */
import type { Narrative, Told } from './narrative.ts';

export function transcript({ title, facts, problems, entries }: Narrative): string {
  const damage =
    problems.length === 0
      ? []
      : ['', 'THIS RECORDING IS DAMAGED:', ...problems.map((problem) => `  ${problem}`)];
  const head = [title, ...facts.map((fact) => `  ${fact}`), ...damage];
  return [head, ...entries.map(lines)].map((part) => part.join('\n')).join('\n\n');
}

/** The bar before each line of a statement keeps it from passing for a line of the transcript. */
function lines({ time, mark, heading, statement, notes }: Told): readonly string[] {
  return [
    `${time}  ${mark} ${heading}`,
    ...(statement === '' ? [] : statement.split('\n').map((line) => `    | ${line}`)),
    ...notes.map((note) => `    ${note}`),
  ];
}
