/** The questions of `sallyport query`, as they lie in Athena. */
import { beforeAll, expect, it } from 'vitest';
import { namedQueries } from '../../bin/archive/named_queries.ts';
import { resourcesOf, type Synthesized, synthesize } from './support/synth.ts';

let app: Synthesized;
beforeAll(() => {
  app = synthesize();
});

it('gives analysts the same eight questions, over the table of the stack', () => {
  const queries = resourcesOf(app, 'AWS::Athena::NamedQuery').map(({ Properties }) => Properties);
  expect(queries.map((query) => query['Name'])).toEqual(namedQueries().map(({ name }) => name));
  const tables = resourcesOf(app, 'AWS::Glue::Table');
  expect(tables).toHaveLength(1);
  for (const query of queries) {
    expect(query['Database']).toBe(tables[0]?.Properties['DatabaseName']);
    expect(query['QueryString']).toMatch(/FROM events\n {4}WHERE dt >= CAST\(\(current_date - /);
    // Nothing is left to fill in: it runs as it is, for the last seven days and anyone.
    expect(query['QueryString']).not.toMatch(/:[a-z]/);
  }
});
