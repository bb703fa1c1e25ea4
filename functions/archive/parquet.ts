/**
 * Rows to one Parquet file, zstd, as Athena and DuckDB read it alike. Instants are written without a
 * zone (isAdjustedToUTC: false), or DuckDB would compare them in the zone of whoever asks.
 * https://github.com/apache/parquet-format/blob/master/LogicalTypes.md
 */
import { zstdCompressSync } from 'node:zlib';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { COLUMNS, type Column, type ColumnType, type Row } from '../../core/recording/columns.ts';

type Schema = NonNullable<Parameters<typeof parquetWriteBuffer>[0]['schema']>;
type Element = Schema[number];

/** Looked up by equality in most queries: a filter lets a file be skipped. */
const BLOOM_FILTERED = new Set(['session_id', 'principal']);

const CREATED_BY = 'sallyport';

const SCALARS: Readonly<Record<Exclude<ColumnType, `${string}[]`>, Omit<Element, 'name'>>> = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  int64: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  timestamp: {
    type: 'INT64',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MILLIS' },
  },
};

export function toParquet(rows: readonly Row[]): Uint8Array {
  const columnData: ColumnSource[] = COLUMNS.map(({ name }) => ({
    name,
    data: rows.map((row) => row[name] ?? null),
    bloomFilter: BLOOM_FILTERED.has(name),
  }));
  const file = parquetWriteBuffer({
    columnData,
    schema: SCHEMA,
    codec: 'ZSTD',
    compressors: { ZSTD: (bytes) => zstdCompressSync(bytes) },
    createdBy: CREATED_BY,
  });
  return new Uint8Array(file);
}

const SCHEMA: Schema = [
  { name: 'root', num_children: COLUMNS.length },
  ...COLUMNS.flatMap(elementsOf),
];

function elementsOf({ name, type }: Column): Element[] {
  switch (type) {
    case 'string[]':
      return list(name, 'string');
    case 'int64[]':
      return list(name, 'int64');
    case 'string':
    case 'int64':
    case 'double':
    case 'boolean':
    case 'timestamp':
      return [{ name, repetition_type: 'OPTIONAL', ...SCALARS[type] }];
  }
}

/** The three levels that the format asks of a list. */
function list(name: string, element: keyof typeof SCALARS): Element[] {
  return [
    {
      name,
      repetition_type: 'OPTIONAL',
      num_children: 1,
      converted_type: 'LIST',
      logical_type: { type: 'LIST' },
    },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'OPTIONAL', ...SCALARS[element] },
  ];
}
