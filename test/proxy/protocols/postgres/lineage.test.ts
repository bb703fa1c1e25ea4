import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Classified, OutputSource } from '../../../../proxy/protocols/postgres/statement.ts';
import { CONTEXT, type Demo, MASKED, runSql, startDemo, TARGET } from './demo.ts';

let demo: Demo;
beforeAll(async () => {
  demo = await startDemo([
    'create view contacts_of_contacts as select lower(email) as mail, full_name from customer_contacts',
    'create materialized view cached as select id, ssn as code from customers',
    'create table people (id int, email text) partition by range (id)',
    'create table people_1 partition of people for values from (0) to (100)',
    'create table vips (perk text) inherits (customers)',
    'create view busy as select customer_id, count(*) as n from orders group by customer_id',
    'create function mail_of(int) returns text language sql stable as $$ select email from customers where id = $1 $$',
    "create table hosts (id int, mail text, host text generated always as (split_part(mail, '@', 2)) stored)",
    'create view by_function as select mail_of(1) as mail',
  ]);
}, 60_000);
afterAll(() => demo.stop());

/** One word an output: `.` clean, the masked columns in it, `?` unsure. */
function outputs(sql: string): string {
  return outputsOf(demo.classify(sql));
}

function outputsOf(classified: Classified): string {
  if (classified.kind !== 'parsed') return `${classified.kind}: ${classified.message}`;
  return classified.statements
    .map((statement) => statement.outputs?.map(word).join(' ') ?? 'unknown')
    .join('; ');
}

function word(source: OutputSource): string {
  const masked = source.columns.filter((column) => MASKED.includes(column));
  const names = masked.map((column) => column.split('.').at(-1)).join('+');
  return `${names}${source.unsure ? '?' : ''}` || '.';
}

function check(sql: string, expected: string): void {
  test(sql, () => expect(outputs(sql)).toBe(expected));
}

const ALL = 'date_of_birth+email+phone+ssn';

describe('columns and expressions', () => {
  check('select id, full_name, email from customers', '. . email');
  check('select * from customers', '. . email phone ssn date_of_birth . .');
  check('select c.*, 1 from customers c', '. . email phone ssn date_of_birth . . .');
  check('select ssn as x from customers', 'ssn');
  check('select reverse(ssn), left(ssn, 3), substr(email, 1, 1) from customers', 'ssn ssn email');
  check("select encode(email::bytea, 'hex'), md5(ssn) from customers", 'email ssn');
  check("select email || ' ' || phone from customers", 'email+phone');
  check("select case when email like 'a%' then 1 else 0 end from customers", 'email');
  check(
    'select coalesce(null, ssn), nullif(ssn, email), greatest(email) from customers',
    'ssn email+ssn email',
  );
  check('select array[email], row(ssn), (row(1, ssn)).f2 from customers', 'email ssn ssn');
  check('select count(*), count(email), max(ssn), 1 from customers', '. email ssn .');
  check("select count(*) filter (where ssn like '1%') from customers", 'ssn');
  check("select string_agg(full_name, ',' order by email) from customers", 'email');
  check('select row_number() over (order by ssn) from customers', 'ssn');
  check('select row_number() over w from customers window w as (partition by email)', 'email');
  check(
    'select rank() over (w order by id) from customers window w as (partition by email)',
    'email',
  );
  check("select ssn = $1, ssn is null, ssn in ('1') from customers", 'ssn ssn ssn');
  check("select notes->>'email', created_at from customers", '. .');
  check('select ctid, tableoid from customers', '. .');
  check('select current_date, now(), random(), $1::int', '. . . .');
  check("select json_build_object('a', email), jsonb_agg(ssn) from customers", 'email ssn');
  check(
    "select json_object('a': email), json_array(ssn), json_arrayagg(phone) from customers",
    'email ssn phone',
  );
  check('select xmlelement(name x, email), xmlforest(ssn as y) from customers', 'email ssn');
  check(
    'select date_of_birth + 1, extract(year from date_of_birth) from customers',
    'date_of_birth date_of_birth',
  );
});

describe('every form that the grammar has for a builtin carries what goes in', () => {
  test.each([
    "json_value(to_json(c), '$.email')",
    "json_query(to_jsonb(c), '$.email' returning text default 'x' on empty)",
    "json_exists(to_jsonb(c), '$.email')",
    'email is json',
    'xmlserialize(content xmlelement(name a, email) as text)',
    'xmlparse(content email)',
    'json_serialize(json_scalar(email))',
    'json(email)',
    "trim(both 'x' from email)",
    'overlay(email placing $$x$$ from 1)',
    "position('@' in email)",
    'substring(email from 1 for 2)',
    "substring(email similar 'a' escape '#')",
    'normalize(email)',
    'email is normalized',
    'email collate "C"',
    "xmlelement(name a, xmlattributes(email as b), 'c') is document",
    "email = any (array['a'])",
    "(id, email) < (1, 'a')",
    'row(email) is null',
    "email ~* 'x'",
    'json_objectagg(id: email)',
    'json_arrayagg(id order by email returning jsonb)',
    'json_array(select email from customers)',
    'array_agg(distinct email)',
    '(array[email])[1:2]',
    '(array[1, 2])[length(email)]',
    "not (email like 'a')",
    "email between 'a' and 'b'",
    'email is distinct from full_name',
    "xmlexists('/a' passing xmlelement(name a, email))",
    'xmlpi(name a, email)',
    'count(*) over (partition by email rows between 1 preceding and current row)',
    "email similar to 'x'",
    'length(email) * interval $$1 day$$',
    'full_name in (email, $$x$$)',
    'variadic_free(a => email)',
  ])('%s', (expression) => {
    expect(outputs(`select ${expression} from customers c`)).toMatch(/email/);
  });
});

describe('whole rows', () => {
  check('select c from customers c', ALL);
  check('select customers from customers', ALL);
  check('select row_to_json(c), to_jsonb(c), c::text from customers c', `${ALL} ${ALL} ${ALL}`);
  check('select concat(c.*), row(c.*), json_agg(c) from customers c', `${ALL} ${ALL} ${ALL}`);
  check('select (c).email, (c).id, (c.email) from customers c', 'email . email');
  check('select (c).* from customers c', '. . email phone ssn date_of_birth . .');
  check('select count(c) from customers c', ALL);
  check('select x.* from customers c, lateral (values (c.email, c.id)) x', 'email .');
  check('select x from (select id, email from customers) x', 'email');
  check('select c.row_to_json from customers c', `${ALL}?`);
});

describe('derived tables', () => {
  check('select x from (select email as x, id as y from customers) t', 'email');
  check('select t.b from (select email, id from customers) t (a, b)', '.');
  check('select * from (select email, id from customers) t (a, b)', 'email .');
  check('with t as (select email from customers) select * from t', 'email');
  check('with t (a) as materialized (select email from customers) select a from t', 'email');
  check(
    'with t as (select id, email from customers), u as (select * from t) select email, id from u',
    'email .',
  );
  check(
    'with recursive t as (select 1 as n, ssn as s from customers union all select n + 1, s from t) select n, s from t',
    '. ssn',
  );
  check(
    "with recursive t (a, b) as (select 'x', email from customers union all select b, a from t) select a from t",
    'email',
  );
  check(
    'with recursive u as (select * from t), t as (select ssn from customers) select * from u',
    'ssn',
  );
  check('select email from (values (1)) v (x), customers', 'email');
  check('values (1, (select max(email) from customers))', '. email');
  check('select id, email from customers union all select id, status from orders', '. email');
  check('select full_name from customers union select ssn from customers', 'ssn');
  check('(select 1, 2) except (select id, ssn::int from customers) order by 1', '. ssn');
  check(
    'select * from customers c join payments p on p.customer_id = c.id',
    '. . email phone ssn date_of_birth . . . . card_number . . . . .',
  );
  check(
    'select * from payments join (select id, email from customers) c using (id)',
    '. . card_number . . . . . email',
  );
  check(
    'select id, email from payments natural join (select id, email from customers) c',
    '. email',
  );
  check(
    "select email from (select email as k from customers) a full join (select 'x' as k, 1 as email) b using (k)",
    '.',
  );
  check(
    "select k from (select email as k from customers) a full join (select 'x' as k) b using (k)",
    'email',
  );
  check('select j.email, j.id from (customers c join (select 1 as one) o on true) j', 'email .');
  check(
    'select (select email from customers limit 1), array(select ssn from customers)',
    'email ssn',
  );
  check("select exists (select from customers where email like 'a%')", 'email');
  check("select (select count(*) from customers where ssn like '1%')", 'ssn');
  check(
    'select o.id, (select c.email from customers c where c.id = o.customer_id) from orders o',
    '. email',
  );
  check('select id in (select id from customers where ssn = $1) from orders', 'ssn');
});

describe('functions in FROM', () => {
  check('select g from generate_series(1, 3) g', '.');
  check('select * from generate_series(1, 3) with ordinality as g (n, i)', '. .');
  check('select u from customers, unnest(array[email]) u', 'email');
  check('select key, value from customers, jsonb_each(to_jsonb(customers))', `${ALL} ${ALL}`);
  check('select key, value from customers, jsonb_each_text(notes)', '. .');
  check('select x from customers c, jsonb_to_record(to_jsonb(c)) as r (x text)', ALL);
  check('select * from mail_of(1)', '?');
  check('select mail_of(1), id from orders', '? .');
  check(
    "select a from customers, json_table(to_json(customers), '$' columns (a text path '$.email'))",
    ALL,
  );
});

describe('views, partitions and children', () => {
  check('select * from customer_contacts', '. email phone');
  check('select mail, full_name from contacts_of_contacts', 'email .');
  check('select * from cached', '. ssn');
  check('select * from busy', '. .');
  check('select * from by_function', '?');
  check('select email, perk from vips', 'email .');

  test('generated columns are made of the others of their row', () => {
    const classified = demo.classify('select host, id from hosts');
    expect(classified.kind === 'parsed' && classified.statements[0]?.outputs).toEqual([
      { columns: ['public.hosts.host', 'public.hosts.mail'], unsure: false },
      { columns: ['public.hosts.id'], unsure: false },
    ]);
  });

  test('a name that a temporary relation of some session may take is unsure', async () => {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ ...demo.upstream, ssl: false });
    await client.connect();
    await client.query('create temp view products as select ssn as name from customers');
    const catalog = await demo.catalogs.refresh(TARGET);
    await client.end();
    const word = (sql: string) => outputsOf(catalog.classifier.classify(sql, CONTEXT));
    expect(word('select upper(name) from products')).toBe('?');
    expect(word('select upper(name) from public.products')).toBe('.');
  });
});

describe('changes', () => {
  check('delete from customers where id = 1 returning id, email', '. email');
  check('update customers set full_name = $1 returning *', '. . email phone ssn date_of_birth . .');
  check('update customers set full_name = $1 returning old.email, new.full_name', 'email .');
  check('update customers set full_name = $1 returning with (old as before) before.ssn', 'ssn');
  check('insert into customers (full_name) values ($1) returning id, lower(email)', '. email');
  check(
    'with d as (delete from customers returning email as e, id) select id, e from d',
    '. email',
  );
  check(
    'update orders o set status = $1 from customers c where c.id = o.customer_id returning *',
    '. . . . . . . email phone ssn date_of_birth . .',
  );
  check('delete from customers', '');
  check(
    'merge into orders o using customers c on c.id = o.customer_id when matched then delete returning merge_action(), c.email',
    '. email',
  );
});

describe('what cannot be told is unsure', () => {
  check('select nothing from customers', '?');
  check('select * from nowhere', 'unknown');
  check('select most_common_vals from pg_stats', '?');
  check('select query, pid from pg_stat_activity', '? ?');
  check('fetch all from c', 'unknown');
  check('execute p', 'unknown');
  check("explain select 1 from customers where email = 'x'", '?');
  check('explain select email from customers', '.');
  check('show search_path', '.');
});

describe('Catalog.sources', () => {
  test('closes over views, by table OID and attribute number', async () => {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ ...demo.upstream, ssl: false });
    await client.connect();
    const { fields } = await client.query(
      'select mail, full_name from contacts_of_contacts limit 0',
    );
    const row = await client.query('select c, c.email, c.ctid from customers c limit 0');
    await client.end();
    const word0 = (field: { tableID: number; columnID: number } | undefined) =>
      word(demo.catalog.sources(field?.tableID ?? 0, field?.columnID ?? 0));
    expect(fields.map(word0)).toEqual(['email', '.']);
    expect(row.fields.slice(1).map(word0)).toEqual(['email', '.']);
    expect(word(demo.catalog.sources(row.fields[1]?.tableID ?? 0, 0))).toBe(ALL);
    expect(word(demo.catalog.sources(999_999_999, 1))).toBe('?');
  });

  test('a refresh sees what was created since, under a higher epoch', async () => {
    expect(outputs('select * from fresh')).toBe('unknown');
    await runSql(demo.upstream, ['create view fresh as select phone from customers']);
    const [first, second] = await Promise.all([
      demo.catalogs.refresh(TARGET),
      demo.catalogs.refresh(TARGET),
    ]);
    expect(first.epoch).toBeGreaterThan(demo.catalog.epoch);
    expect(second.epoch).toBe(first.epoch);
    const classified = first.classifier.classify('select * from fresh', CONTEXT);
    expect(outputsOf(classified)).toBe('phone');
  });
});
